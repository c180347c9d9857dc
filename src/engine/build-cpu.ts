// The processor time of builds: only what nobody else wants. All builds of an install run below one control group beside
// those of the engine, and the kernel takes its processes for idle ones (cpu.idle, Linux 5.15): whatever else wakes up,
// dyno or router, runs at once instead of waiting for the end of a time slice. Builds that would starve get a small share.
// docs/decisions/0106-builds-run-when-idle.md

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { endAll, hasRunnable, removeGroups } from './build-groups.js';
import type { BuildStep } from './build-steps.js';
import { cpuSeconds } from './cgroup-cpu.js';
import { CONTROL_GROUPS, isThere, readLines, readText, tryWrite } from './control-groups.js';
import { type CpuSample, IDLE, nextPriority, type Priority, type StarvationTimes } from './starvation.js';

/** How the engine makes control groups. */
export interface GroupLayout {
  readonly version: 1 | 2;
  readonly driver: 'cgroupfs' | 'systemd';
}

/** Whether builds yield to apps wholly, or why they only weigh less. */
export type BuildCpuState =
  | { readonly kind: 'idle'; readonly group: string }
  | { readonly kind: 'weight'; readonly reason: string };

/** A build that runs, from before its first process to after its last. */
export interface BuildShare {
  /** Its processes are to end soon: killed ones need the processor, too. */
  hurry(): void;
  end(): void;
}

export interface BuildCpu {
  state(): Promise<BuildCpuState>;
  /** The group for containers of builds, as the engine is told it; undefined to leave them where they are. */
  containerParent(): Promise<string | undefined>;
  /** `onStarved` is told when builds get a share of their own because apps leave them nothing. */
  begin(onStarved: () => void): BuildShare;
  /** Puts a step of a Dockerfile build where it yields; call it as long as the step runs. False when that cannot be. */
  takeStep(step: BuildStep): boolean;
  /** Before the first build: ends what builds of a daemon before have left, if their engine was killed. */
  start(): Promise<void>;
  /** After the last build: takes the group away. */
  stop(): Promise<void>;
}

export interface BuildCpuOptions {
  readonly instance: string;
  readonly readLayout: () => Promise<GroupLayout>;
  readonly times: StarvationTimes;
  readonly log: Logger;
  /** Where control groups are mounted. */
  readonly root?: string;
}

const LOOK_MS = 500;
const HURRY_MS = 10_000;
/** What still runs so long after the last build has outlived its engine. */
const STRAY_MS = 15_000;
const CLOSE_EVERY_MS = 50;
const CLOSE_TRIES = 20;
/** One build as much as another, whatever runs it. */
const STEP_SHARES = '64';
const STEP_QUOTA = '150000';
/** All builds against all dynos (1024, and 100): a fifth of the machine when dynos take all they can. */
const LIFTED = { 1: { file: 'cpu.shares', value: '256' }, 2: { file: 'cpu.weight', value: '25' } } as const;
const HURRIED = { 1: '1024', 2: '100' } as const;

/** Nothing is made or read before the first call. */
export function createBuildCpu(options: BuildCpuOptions): BuildCpu {
  return new IdleBuilds(options);
}

class IdleBuilds implements BuildCpu {
  readonly #options: BuildCpuOptions;
  readonly #root: string;
  readonly #running = new Set<() => void>();
  /** Groups of steps that stay where BuildKit runs them. */
  readonly #others = new Set<string>();
  #layout: GroupLayout | undefined;
  #timer: NodeJS.Timeout | undefined;
  #priority: Priority = IDLE;
  #hurriedUntil = 0;
  /** When nothing was built any more, on the monotonic clock. */
  #idleSince = 0;
  #seen = { atMs: 0, usedMs: 0 };

  constructor(options: BuildCpuOptions) {
    this.#options = options;
    this.#root = options.root ?? CONTROL_GROUPS;
  }

  async state(): Promise<BuildCpuState> {
    this.#layout ??= await this.#options.readLayout();
    const reason = this.#obstacle(this.#layout);
    return reason === undefined ? { kind: 'idle', group: this.#parent } : { kind: 'weight', reason };
  }

  async containerParent(): Promise<string | undefined> {
    const state = await this.state();
    if (state.kind === 'weight') return undefined;
    this.#assert();
    return this.#layout?.driver === 'systemd' ? this.#parent.slice(1) : this.#parent;
  }

  begin(onStarved: () => void): BuildShare {
    // An object of its own, so that two builds with one listener are two.
    const listener = () => onStarved();
    this.#running.add(listener);
    this.#seen = { atMs: performance.now(), usedMs: this.#usedMs() };
    this.#lookOn();
    return {
      hurry: () => {
        this.#hurriedUntil = performance.now() + HURRY_MS;
        this.#assert();
      },
      end: () => {
        this.#running.delete(listener);
        this.#idleSince = performance.now();
      },
    };
  }

  async start(): Promise<void> {
    this.#layout ??= await this.#options.readLayout();
    this.#idleSince = performance.now();
    this.#lookOn();
  }

  async stop(): Promise<void> {
    for (let tries = 0; this.#timer !== undefined && tries < CLOSE_TRIES; tries += 1) {
      this.#look();
      if (this.#timer !== undefined) await sleep(CLOSE_EVERY_MS);
    }
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  takeStep({ id, version, path }: BuildStep): boolean {
    if (this.#layout === undefined || this.#obstacle(this.#layout) !== undefined) return false;
    if (version === 2) {
      // Moving it would take its other limits away.
      this.#others.add(join(this.#root, path));
      return !path.includes('/buildkit/');
    }
    const [target, account] = ['cpu', 'cpuacct'].map((name) => join(this.#root, name, this.#parent, id));
    if (target === undefined || account === undefined) return false;
    if (!isThere(target) && !this.#makePlace(target, account)) return false;
    // What a process starts meanwhile is moved at the next look.
    for (const pid of readLines(join(this.#root, 'cpu', path, 'cgroup.procs'))) {
      tryWrite(join(target, 'cgroup.procs'), pid);
      tryWrite(join(account, 'cgroup.procs'), pid);
    }
    return true;
  }

  #lookOn(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  #makePlace(target: string, account: string): boolean {
    try {
      mkdirSync(account, { recursive: true });
      mkdirSync(target, { recursive: true });
    } catch {
      return false;
    }
    this.#assert();
    tryWrite(join(target, 'cpu.shares'), STEP_SHARES);
    tryWrite(join(target, 'cpu.cfs_quota_us'), STEP_QUOTA);
    return true;
  }

  /** Below the root of each hierarchy. A hyphen in a slice's name would put it into another slice. */
  get #parent(): string {
    const { instance } = this.#options;
    return this.#layout?.driver === 'systemd'
      ? `/paasbuilds_${instance.replaceAll('-', '_')}.slice`
      : `/paas-builds-${instance}`;
  }

  /** What keeps builds from running as idle ones. */
  #obstacle({ version, driver }: GroupLayout): string | undefined {
    const top = join(this.#root, version === 1 ? 'cpu' : '');
    // Version 2 has no such file at the root.
    const files = ['', 'docker', 'system.slice'].map((group) => join(top, group, 'cpu.idle'));
    const file = files.find((path) => isThere(path));
    if (file === undefined) return 'the kernel has no cpu.idle (it came with Linux 5.15)';
    if (!isThere(file, { write: true })) return `${file} cannot be written`;
    if (driver === 'cgroupfs') {
      try {
        mkdirSync(top + this.#parent, { recursive: true });
      } catch {
        return `${top}${this.#parent} cannot be made`;
      }
    }
    return undefined;
  }

  /** The group of all builds and those of steps elsewhere; a slice of systemd's is there once something runs in it. */
  #groups(): string[] {
    const top = join(this.#root, this.#layout?.version === 2 ? '' : 'cpu');
    return [top + this.#parent, ...this.#others];
  }

  #look(): void {
    if (this.#layout === undefined) return;
    if (this.#running.size === 0) {
      this.#close();
      return;
    }
    const before = this.#priority.mode;
    this.#priority = nextPriority(this.#priority, this.#sample(), this.#options.times);
    this.#assert();
    if (this.#priority.mode === before) return;
    this.#options.log.info({ mode: this.#priority.mode }, 'the processor share of builds has changed');
    if (this.#priority.mode === 'lifted') for (const tell of this.#running) tell();
  }

  #sample(): CpuSample {
    const now = { atMs: performance.now(), usedMs: this.#usedMs() };
    const { atMs, usedMs } = this.#seen;
    this.#seen = now;
    return {
      elapsedMs: now.atMs - atMs,
      // Less than before: a group has gone.
      usedMs: Math.max(0, now.usedMs - usedMs),
      isRunnable: this.#groups().some(hasRunnable),
    };
  }

  #usedMs(): number {
    if (this.#layout?.version !== 2) {
      const usage = readText(join(this.#root, 'cpuacct', this.#parent, 'cpuacct.usage'));
      return 1000 * (cpuSeconds(1, usage) ?? 0);
    }
    return this.#groups().reduce(
      (sum, group) => sum + 1000 * (cpuSeconds(2, readText(join(group, 'cpu.stat'))) ?? 0),
      0,
    );
  }

  /** Writes what holds now; also again, since systemd sets what it thinks is right. */
  #assert(): void {
    const version = this.#layout?.version ?? 1;
    const isHurried = performance.now() < this.#hurriedUntil;
    for (const group of this.#groups()) {
      if (!isHurried && this.#priority.mode === 'idle') {
        tryWrite(join(group, 'cpu.idle'), '1');
        continue;
      }
      // In this order: an idle group takes no weight.
      tryWrite(join(group, 'cpu.idle'), '0');
      tryWrite(join(group, LIFTED[version].file), isHurried ? HURRIED[version] : LIFTED[version].value);
    }
  }

  /** Nothing is built: no process has any business in these groups. */
  #endStrays(): void {
    const count = this.#groups().reduce((sum, group) => sum + endAll(group), 0);
    if (count > 0) this.#options.log.warn({ count }, 'processes that had outlived their build were ended');
  }

  /** Nothing is built any more: takes the groups away as soon as nothing is in them. */
  #close(): void {
    // Killed processes take a moment to end, those of a killed engine go on.
    if (performance.now() - this.#idleSince >= STRAY_MS) this.#endStrays();
    if (this.#layout?.driver !== 'systemd' && !removeGroups(this.#root, this.#parent)) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#priority = IDLE;
    this.#others.clear();
  }
}
