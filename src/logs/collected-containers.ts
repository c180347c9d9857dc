// Which containers' output is taken: those that were attached by name, and those that are found. Stays with each of them
// until its output is complete, over broken connections to the engine and over restarts of this process.

import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../log.js';
import { type CollectedContainer, ContainerOutput } from './container-output.js';
import type { Journal } from './journal.js';
import { cleanProcessName } from './line.js';
import type { ContainerState, OutputEngine } from './output-engine.js';
import type { OutputLines } from './output-stream.js';
import type { ContainerProgress } from './store.js';

/** The engine, as far as the collector needs it. */
export interface CollectorEngine extends OutputEngine {
  /** Every container of ours whose output is an app's log, in all states, and any other one of ours. */
  listContainers(): Promise<readonly ListedContainer[]>;
}

export interface ListedContainer {
  readonly containerId: string;
  readonly state: ContainerState;
  /** Undefined for containers that are collected only when they were attached by name. */
  readonly collected: CollectedContainer | undefined;
}

export interface CollectedContainersOptions {
  readonly engine: CollectorEngine;
  /** What the process before knew. */
  readonly progress: readonly ContainerProgress[];
  readonly journal: Pick<Journal, 'noteProgress'>;
  /** Removes what is stored of containers that are gone. */
  readonly forget: (containerIds: readonly string[]) => Promise<void>;
  /** What takes the lines of one connection to a container. */
  readonly receiver: (container: CollectedContainer) => (lines: OutputLines) => void;
  readonly onGap: (container: CollectedContainer, reason: string) => void;
  readonly nowUs: () => number;
  readonly log: Logger;
  /** Aborts before `release`: nothing is attached any more. */
  readonly signal: AbortSignal;
}

interface Attached {
  readonly output: ContainerOutput;
  readonly isOpen: Promise<void>;
  readonly life: Promise<void>;
}

/** Before a broken connection to the engine is tried again; doubles up to 5 s. */
const FIRST_WAIT_MS = 100;

export class CollectedContainers {
  readonly #options: CollectedContainersOptions;
  readonly #log: Logger;
  readonly #attached = new Map<string, Attached>();
  readonly #known = new Map<string, ContainerProgress>();

  constructor(options: CollectedContainersOptions) {
    this.#options = options;
    this.#log = options.log;
    for (const progress of options.progress) this.#known.set(progress.containerId, progress);
  }

  /** Those whose output is being taken. */
  get size(): number {
    return this.#attached.size;
  }

  /** The apps of those. */
  appIds(): Set<string> {
    return new Set([...this.#attached.values()].map(({ output }) => output.container.appId));
  }

  /** Takes a container's output from now on; resolves when its streams are open. Fine to call twice. */
  async attach(container: CollectedContainer): Promise<void> {
    const { containerId } = container;
    const present = this.#attached.get(containerId);
    if (present !== undefined) return await present.isOpen;
    const clean = { ...container, process: cleanProcessName(container.process) };
    const output = this.#newOutput(clean, this.#known.get(containerId));
    const opening = output.open();
    const life = opening
      .then(({ ended }) => this.#follow(output, ended))
      .catch((err) => this.#log.warn({ err, container: containerId }, 'container output is not collected'))
      .finally(() => this.#attached.delete(containerId));
    const isOpen = opening.then(() => {
      // Known from now on, even if this process dies before the container prints anything.
      this.#options.journal.noteProgress(containerId, () => output.progress());
    });
    this.#attached.set(containerId, { output, isOpen, life });
    await isOpen;
  }

  /** Attaches containers that nobody attached, and forgets those that are gone. */
  async takeUp(): Promise<void> {
    const listed = new Map(
      (await this.#options.engine.listContainers()).map((one) => [one.containerId, one]),
    );
    const removed: string[] = [];
    for (const [containerId, progress] of this.#known) {
      if (listed.has(containerId) || this.#attached.has(containerId)) continue;
      if (progress.hasEnded) removed.push(containerId);
      else await this.#tryAttach(progress);
    }
    for (const id of removed) this.#known.delete(id);
    if (removed.length > 0) await this.#options.forget(removed);
    for (const one of listed.values()) {
      const container = this.#toTakeUp(one);
      if (container !== undefined) await this.#tryAttach(container);
    }
  }

  /** Lets go of all of them, which go on; resolves when nothing more comes of them. */
  async release(): Promise<void> {
    for (const { output } of this.#attached.values()) output.close();
    await Promise.all([...this.#attached.values()].map(({ life }) => life));
  }

  #newOutput(container: CollectedContainer, progress: ContainerProgress | undefined): ContainerOutput {
    const { containerId, appId } = container;
    const { engine, journal, nowUs, onGap } = this.#options;
    const receive = this.#options.receiver(container);
    const output: ContainerOutput = new ContainerOutput({
      container,
      progress,
      engine,
      nowUs,
      log: this.#log,
      emit: (lines) => {
        // Before the lines: they are stored with it or not at all.
        journal.noteProgress(containerId, () => output.progress());
        receive(lines);
      },
      onGap: (reason) => {
        this.#log.info({ app: appId, container: containerId, reason }, 'log lines missing');
        onGap(container, reason);
      },
    });
    return output;
  }

  /** Stays with a container until its output is complete, over broken connections. */
  async #follow(first: ContainerOutput, firstEnded: Promise<'complete' | 'broken'>): Promise<void> {
    const { containerId } = first.container;
    const { signal } = this.#options;
    let output = first;
    let ended = firstEnded;
    let waitMs = FIRST_WAIT_MS;
    while ((await this.#end(output, ended)) === 'broken' && !signal.aborted) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      waitMs = Math.min(5000, waitMs * 2);
      const next = this.#newOutput(first.container, output.progress());
      try {
        ({ ended } = await next.open());
        output = next;
        waitMs = FIRST_WAIT_MS;
        const present = this.#attached.get(containerId);
        if (present !== undefined) this.#attached.set(containerId, { ...present, output });
      } catch (err) {
        this.#log.debug({ err, container: containerId }, 'engine does not give a container output');
        ended = Promise.resolve('broken');
      }
    }
  }

  async #end(output: ContainerOutput, ended: Promise<'complete' | 'broken'>): Promise<'complete' | 'broken'> {
    const result = await ended.catch(() => 'broken' as const);
    const { containerId } = output.container;
    const progress = output.progress();
    this.#known.set(containerId, progress);
    if (result === 'complete') this.#options.journal.noteProgress(containerId, () => progress);
    return result;
  }

  /** A container that never began says nothing, but one that is known may only be called so by its engine. */
  #toTakeUp({ containerId, state, collected }: ListedContainer): CollectedContainer | undefined {
    const known = this.#known.get(containerId);
    if (known === undefined) return state === 'created' ? undefined : collected;
    return known.hasEnded ? undefined : known;
  }

  async #tryAttach(container: CollectedContainer): Promise<void> {
    if (this.#options.signal.aborted) return;
    const { containerId, appId, process, tty } = container;
    try {
      await this.attach({ containerId, appId, process, tty });
    } catch (err) {
      this.#log.warn({ err, container: containerId }, 'container output could not be taken up');
    }
  }
}
