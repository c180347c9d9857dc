// The host's rules for our bridges: what containers may not reach (services of this host, private networks, the metadata
// service), kept so. rules.ts says what they are; here they are compared with what the kernel has, and mended.
// In: how the bridges are named, settings. Out: two chains a protocol, and a state for whoever asks.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import type { Allowed } from './allowlist.js';
import { readEngineNameServers, readNameServers } from './name-servers.js';
import {
  findFaults,
  forwardHookOf,
  hasEngineRules,
  type RuleSet,
  renderIpv4,
  renderIpv6,
  renderRemoval,
  renderRestore,
  type WantedRules,
} from './rules.js';

/** Which bridges are kept: all that our containers and builds use, only those of this install, or none. */
export type FirewallMode = 'on' | 'own' | 'off';

/** What holds now. */
export type FirewallState =
  | { readonly kind: 'off' }
  /** Not looked yet. */
  | { readonly kind: 'starting' }
  /**
   * The rules are there; `mendedAt` is the epoch ms when somebody had changed them. `lacksEngineRules`: those of the engine,
   * which were there, are not.
   */
  | {
      readonly kind: 'on';
      readonly checkedAt: number;
      readonly mendedAt: number | undefined;
      readonly lacksEngineRules: boolean;
    }
  /** They are not: containers reach what the host reaches. */
  | { readonly kind: 'failed'; readonly reason: string; readonly hint: string };

/** What the engine knows about the bridges. */
export interface BridgeFacts {
  /** Bridges of this install, also those that are not made yet. */
  readonly own: readonly string[];
  readonly defaultBridge: WantedRules['defaultBridge'];
}

export interface FirewallOptions {
  readonly mode: FirewallMode;
  readonly instance: string;
  readonly hostPorts: readonly number[];
  readonly allow: readonly Allowed[];
  readonly bridges: () => Promise<BridgeFacts>;
  /** Runs a program with an input; resolves also when it fails, and rejects when it is not there. */
  readonly run: RunProgram;
  /** The text of a file, empty when it is not there. */
  readonly readText: (path: string) => Promise<string>;
  /** Whether a network device is up, with something on it; when it is not, a program is asked why. */
  readonly isCarrying: (device: string) => boolean;
  readonly log: Logger;
  readonly now: () => number;
}

export type RunProgram = (
  argv: readonly [string, ...string[]],
  input?: string,
) => Promise<{ code: number; stdout: string; stderr: string }>;

export interface Firewall {
  /** Looks once, and mends what is not as it should be. Never rejects: the state says what is wrong. */
  ensure(): Promise<void>;
  /** Looks again and again until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
  state(): FirewallState;
}

const LOOK_MS = 10_000;
const TOOLS = [
  { program: 'iptables', render: renderIpv4 },
  { program: 'ip6tables', render: renderIpv6 },
] as const;

/** Nothing is done before `ensure` or `run`. */
export function createFirewall(options: FirewallOptions): Firewall {
  const { mode, log, now } = options;
  let state: FirewallState = mode === 'off' ? { kind: 'off' } : { kind: 'starting' };
  let mendedAt: number | undefined;
  // Some engines keep theirs elsewhere: only what was there can be missed.
  let hadEngineRules = false;
  const settled = new Map<string, Settled>();

  async function ensure(): Promise<void> {
    try {
      if (mode === 'off') return await removeFirewall(options);
      const { faults, hasEngines } = await mend(options, settled);
      if (faults.length > 0 && state.kind === 'on') {
        mendedAt = now();
        log.warn({ faults }, 'the firewall was changed from outside; mended');
      }
      hadEngineRules ||= hasEngines;
      state = { kind: 'on', checkedAt: now(), mendedAt, lacksEngineRules: hadEngineRules && !hasEngines };
    } catch (error) {
      const failed = toFailure(error);
      const isKnown = state.kind === 'failed' && state.reason === failed.reason;
      if (!isKnown) log.warn({ err: error, hint: failed.hint }, failed.reason);
      if (mode !== 'off') state = failed;
    }
  }

  return {
    ensure,
    state: () => state,
    async run(signal) {
      while (!signal.aborted) {
        await ensure();
        if (mode === 'off') return;
        await sleep(LOOK_MS, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}

/** Makes all as it should be; says what was not, and whether the engine's own rules are there. */
async function mend(
  options: FirewallOptions,
  settled: Map<string, Settled>,
): Promise<{ faults: string[]; hasEngines: boolean }> {
  const facts = await options.bridges();
  const wanted = await wantedRules(options, facts);
  const faults: string[] = [];
  let hasEngines = false;
  for (const { program, render } of TOOLS) {
    const present = await list(options, program);
    if (program === 'iptables') hasEngines = hasEngineRules(present);
    faults.push(...(await look(options, settled, { program, present, wanted: render(wanted) })));
  }
  for (const bridge of facts.own) faults.push(...(await raise(options, bridge)));
  return { faults, hasEngines };
}

/** Takes away the chains of an install; fine when there are none. */
async function removeFirewall(options: Pick<FirewallOptions, 'instance' | 'run'>): Promise<void> {
  for (const { program } of TOOLS) {
    const present = await list(options, program).catch(() => undefined);
    const removal = present === undefined ? undefined : renderRemoval(present, options.instance);
    if (removal !== undefined) await restore(options, program, removal);
  }
}

/** What was asked for, and how the kernel shows it: versions of iptables differ in how they print a rule. */
interface Settled {
  readonly wanted: RuleSet;
  readonly shown: RuleSet;
}

async function look(
  options: FirewallOptions,
  settled: Map<string, Settled>,
  { program, present, wanted }: { program: 'iptables' | 'ip6tables'; present: string; wanted: RuleSet },
): Promise<string[]> {
  const hook = forwardHookOf(present);
  const before = settled.get(program);
  const isSame = before !== undefined && JSON.stringify(before.wanted) === JSON.stringify(wanted);
  const faults = findFaults(present, isSame ? before.shown : wanted, hook);
  if (faults.length === 0) return [];
  await restore(options, program, renderRestore(present, wanted, hook));
  const after = await list(options, program);
  settled.set(program, { wanted, shown: shownAs(after, wanted) });
  // Not a fault of anybody: the server's settings or its containers have changed.
  return before !== undefined && !isSame ? [] : faults;
}

function shownAs(present: string, { input, forward }: RuleSet): RuleSet {
  const lines = present.split('\n');
  const chain = (name: string) => ({ name, rules: lines.filter((line) => line.startsWith(`-A ${name} `)) });
  return { input: chain(input.name), forward: chain(forward.name) };
}

/** A bridge of ours that somebody shut down is opened again. One that is not there is the engine's to make. */
async function raise({ run, isCarrying }: FirewallOptions, bridge: string): Promise<string[]> {
  if (isCarrying(bridge)) return [];
  const link = await run(['ip', '-o', 'link', 'show', 'dev', bridge]);
  if (link.code !== 0 || /<[^>]*\bUP\b[^>]*>/.test(link.stdout)) return [];
  await expectSuccess(run, ['ip', 'link', 'set', 'dev', bridge, 'up']);
  return [`bridge ${bridge} was down`];
}

async function wantedRules(options: FirewallOptions, facts: BridgeFacts): Promise<WantedRules> {
  const { instance, hostPorts, allow, readText, mode } = options;
  const [host, resolved, engine] = await Promise.all(
    ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf', '/etc/docker/daemon.json'].map(readText),
  );
  const ofHost = readNameServers(host ?? '');
  return {
    instance,
    bridges: facts.own,
    defaultBridge: mode === 'on' ? facts.defaultBridge : undefined,
    hostPorts,
    nameServers: [
      ...new Set([
        // As the engine does: what stands behind the resolver of systemd, which containers cannot reach.
        ...(ofHost.length > 0 ? ofHost : readNameServers(resolved ?? '')),
        ...readEngineNameServers(engine ?? ''),
      ]),
    ],
    allow,
  };
}

async function list({ run }: Pick<FirewallOptions, 'run'>, program: string): Promise<string> {
  return await expectSuccess(run, [program, '-w', '5', '-S']);
}

async function restore({ run }: Pick<FirewallOptions, 'run'>, program: string, input: string): Promise<void> {
  await expectSuccess(run, [`${program}-restore`, '-w', '5', '--noflush'], input);
}

async function expectSuccess(
  run: RunProgram,
  argv: readonly [string, ...string[]],
  input?: string,
): Promise<string> {
  const { code, stdout, stderr } = await run(argv, input);
  if (code === 0) return stdout;
  throw new Error(`${argv.join(' ')} ended with ${code}: ${stderr.trim().split('\n')[0]}`);
}

function toFailure(error: unknown): FirewallState & { kind: 'failed' } {
  const text = error instanceof Error ? error.message : String(error);
  const hint = 'Or keep rules of your own and set PAAS_FIREWALL=off.';
  if (/ENOENT/.test(text)) {
    return {
      kind: 'failed',
      reason: 'No firewall: iptables is not installed.',
      hint: `Install it: apt install iptables. ${hint}`,
    };
  }
  if (/must be root|Permission denied|Operation not permitted/i.test(text)) {
    return {
      kind: 'failed',
      reason: 'No firewall: paasd may not change the rules of this host.',
      hint: `Run paasd as root. ${hint}`,
    };
  }
  return {
    kind: 'failed',
    reason: 'The firewall rules could not be written.',
    hint: `${text.slice(0, 300)}. ${hint}`,
  };
}
