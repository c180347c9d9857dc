// The way out to HAProxy. In: the state that should be routed, again and again, whole. Out: a HAProxy that routes so,
// without a lost request. HAProxy is a process group of its own: it is adopted when it runs, started when it does not,
// and goes on when the daemon ends. What it routes is asked of it each time, never remembered; the files beside it
// always say the same, so that a reload or a restart forgets nothing.

import { access, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { setInterval } from 'node:timers/promises';
import { anySignal } from '../any-signal.js';
import { type Logger, RepeatedFailure } from '../log.js';
import { backendName, type RenderedRouter } from './config.js';
import { HaproxyMaster } from './haproxy-master.js';
import { checkConfigFile, endHaproxy, MESSAGES_FILE, spawnHaproxy } from './haproxy-process.js';
import { DroppedLines, keepCounts, limitMessages, recallCounts } from './housekeeping.js';
import { createRenderer } from './renderer.js';
import { createRouterFiles, type RouterFiles } from './router-files.js';
import { checkAppId, checkServerName, type RouterState } from './router-state.js';
import { type Ask, askReload, withWorker } from './runtime-api.js';
import { parseTraffic, type ServerTraffic } from './server-traffic.js';
import { type RouterSettings, WAKE_SOCKET } from './settings.js';
import { listenForWakes } from './wake-socket.js';
import { needsReload, planWorker, type WorkerTables } from './worker-plan.js';
import { readDroppedLogs, readSessions, readTables } from './worker-tables.js';

/** The platform's HTTP router. */
export interface Router {
  /**
   * Adopts the HAProxy that runs, or starts one with the routes that the last one had; then keeps it running until the
   * router's signal aborts.
   */
  start(): Promise<void>;
  /**
   * Makes HAProxy route `state`; resolves when it does. Safe to call at any time: calls run one after the other, and
   * those that wait are answered together by the newest state. Throws when a value is not fit for HAProxy (nothing of
   * the state is applied) or HAProxy can't be brought there.
   */
  apply(state: RouterState): Promise<void>;
  /** Requests and tunnels on a server now, with those queued for it; idle connections do not count. */
  sessions(appId: string, serverName: string): Promise<number>;
  /**
   * Calls `onWake` with the app's id when a request to an app in mode `asleep` waits, and again each second until the
   * app has another mode, until `signal` aborts. Ids that no app has are possible.
   */
  listenForWakes(onWake: (appId: string) => void, signal: AbortSignal): Promise<void>;
  /** What each server of the newest worker has answered so far; counts begin anew when HAProxy is reloaded. */
  traffic(): Promise<ServerTraffic[]>;
  /** Lines of the access log that HAProxy could not write, all apps together, since `start`. */
  droppedLines(): number;
  /** Ends HAProxy. For uninstalling, and tests. */
  stop(): Promise<void>;
}

/** What a router is made of. */
export interface RouterOptions extends RouterSettings {
  readonly haproxyPath: string;
  /** The named pipe that HAProxy writes its access log to. */
  readonly accessLogPath: string;
  readonly log: Logger;
  /**
   * Told within ten seconds how many lines of the access log HAProxy has dropped since the last time; `since` (epoch ms)
   * is when an earlier daemon looked last, for those that were dropped while there was none.
   */
  readonly onDroppedLines?: ((count: number, since: number | undefined) => void) | undefined;
  /** Aborted when the daemon ends: HAProxy runs on, unwatched. */
  readonly signal: AbortSignal;
}

const WATCH_INTERVAL_MS = 150;
/** Rounds of the watch, ten seconds. */
const HOUSEKEEPING_EVERY = 66;

/** Makes a router over the HAProxy of `options.dir`. Nothing happens before `start`. */
export function createRouter(options: RouterOptions): Router {
  return new HaproxyRouter(options);
}

class HaproxyRouter implements Router {
  readonly #options: RouterOptions;
  readonly #master: HaproxyMaster;
  readonly #render: ReturnType<typeof createRenderer>;
  readonly #stopped = new AbortController();
  /** The newest wish, kept for a restart of HAProxy. */
  #wanted: RenderedRouter;
  /** There was an `apply`. */
  #hasRoutes = false;
  #queue: Promise<unknown> = Promise.resolve();
  #waitingApply: Promise<void> | undefined;
  /** Some server could not be deleted yet, because a connection to it is left. */
  #hasLeftovers = false;
  readonly #files: RouterFiles;
  readonly #droppedLines = new DroppedLines();
  #lookedAt: number | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#master = new HaproxyMaster(options.dir);
    this.#files = createRouterFiles(options);
    this.#render = createRenderer(options);
    this.#wanted = this.#render(undefined);
  }

  async start(): Promise<void> {
    await this.#exclusively(async () => {
      await this.#master.recall();
      const running = await this.#master.find();
      if (running === undefined) {
        await this.#startAgain();
        this.#droppedLines.begin();
      } else {
        const kept = await recallCounts(this.#options.dir);
        if (kept !== undefined) this.#droppedLines.begin(kept.counts);
        this.#lookedAt = kept?.at;
        this.#options.log.info({ pid: running.master }, 'router adopted');
      }
    });
    const either = anySignal(this.#options.signal, this.#stopped.signal);
    this.#watch(either.signal).catch((err: unknown) => {
      this.#options.log.error({ err }, 'router is not watched any more');
    });
  }

  apply(state: RouterState): Promise<void> {
    this.#hasRoutes = true;
    try {
      this.#wanted = this.#render(state);
    } catch (error) {
      return Promise.reject(error);
    }
    this.#waitingApply ??= this.#exclusively(async () => {
      this.#waitingApply = undefined;
      await this.#converge(this.#wanted);
    });
    return this.#waitingApply;
  }

  async sessions(appId: string, serverName: string): Promise<number> {
    const backend = backendName(checkAppId(appId));
    checkServerName(serverName);
    let sum = 0;
    for (const pid of await this.#master.findWorkers()) {
      sum += await this.#master.unlessEnded(pid, 0, () =>
        withWorker(this.#master.socket, pid, (ask) => readSessions(ask, backend, serverName)),
      );
    }
    return sum;
  }

  listenForWakes(onWake: (appId: string) => void, signal: AbortSignal): Promise<void> {
    const { dir, log } = this.#options;
    return listenForWakes({ path: join(dir, WAKE_SOCKET), onWake, log, signal });
  }

  async traffic(): Promise<ServerTraffic[]> {
    const worker = (await this.#master.find())?.worker;
    if (worker === undefined) return [];
    return await this.#master.unlessEnded(worker, [], () =>
      withWorker(this.#master.socket, worker, async (ask) => parseTraffic(await ask('show stat -1 4 -1'))),
    );
  }

  droppedLines(): number {
    return this.#droppedLines.total;
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#exclusively(() => endHaproxy(this.#master.configPath, 2000));
  }

  #exclusively<T>(run: () => Promise<T>): Promise<T> {
    const result = this.#queue.then(run);
    this.#queue = result.catch(() => undefined);
    return result;
  }

  async #converge(wanted: RenderedRouter): Promise<void> {
    const processes = await this.#master.find();
    const worker = processes?.worker;
    if (worker === undefined) return this.#startFresh();
    const isThere = await withWorker(this.#master.socket, worker, async (ask) => {
      const tables = await readTables(ask, this.#options.dir);
      if (needsReload(tables, wanted)) return false;
      await this.#files.write(wanted, { isChecked: false });
      return await this.#bring(ask, tables, wanted);
    });
    if (!isThere) await this.#reload(wanted, worker);
  }

  /** Brings the worker behind `ask` to `wanted` by the runtime API; false when it did not get there. */
  async #bring(ask: Ask, tables: WorkerTables, wanted: RenderedRouter): Promise<boolean> {
    const { dir, log } = this.#options;
    const plan = planWorker(tables, wanted, dir);
    for (const command of [...plan.changes, ...plan.deletions]) {
      const reply = await ask(command);
      if (reply.trim() !== '') log.debug({ command, reply }, 'router runtime command');
    }
    if (plan.changes.length === 0 && plan.deletions.length === 0) return true;
    const rest = planWorker(await readTables(ask, dir), wanted, dir);
    if (rest.deletions.length > 0) this.#hasLeftovers = true;
    if (rest.changes.length > 0) {
      const commands = rest.changes.slice(0, 10);
      log.warn({ commands }, 'router refused a change while running: reloading it');
    }
    return rest.changes.length === 0;
  }

  async #reload(wanted: RenderedRouter, previous: number): Promise<void> {
    await this.#files.write(wanted, { isChecked: true });
    await askReload(this.#master.socket);
    await this.#master.waitForWorker(wanted.fingerprint, previous);
    this.#options.log.info({ backends: wanted.backends.size }, 'router reloaded');
  }

  /** With the routes that it had: apps may be running, and the first `apply` may take a while when the engine is away. */
  async #startAgain(): Promise<void> {
    const { haproxyPath, accessLogPath, log } = this.#options;
    try {
      await endHaproxy(this.#master.configPath, 1000);
      await access(this.#master.configPath);
      await checkConfigFile(haproxyPath, this.#master.configPath);
      await spawnHaproxy({ haproxyPath, configPath: this.#master.configPath, accessLogPath });
      const processes = await this.#master.find();
      if (processes?.worker !== undefined) {
        log.info({ pid: processes.master }, 'router started with the routes of before');
        return;
      }
    } catch (err) {
      log.debug({ err }, 'there are no routes of before');
    }
    await this.#startFresh();
  }

  async #startFresh(): Promise<void> {
    const wanted = this.#wanted;
    const { dir, haproxyPath, accessLogPath, log } = this.#options;
    // Workers without a master would go on with what they knew.
    await endHaproxy(this.#master.configPath, 1000);
    await mkdir(join(dir, 'errors'), { recursive: true, mode: 0o700 });
    this.#files.forget();
    // Nothing runs that a bad configuration could replace: starting it is the check.
    await this.#files.write(wanted, { isChecked: false });
    await spawnHaproxy({ haproxyPath, configPath: this.#master.configPath, accessLogPath });
    await this.#master.waitForWorker(wanted.fingerprint, undefined);
    log.info({ pid: this.#master.pid, backends: wanted.backends.size }, 'router started');
  }

  async #watch(signal: AbortSignal): Promise<void> {
    // Housekeeping comes in the first round: an adopted HAProxy may have dropped lines while nobody looked.
    let round = -1;
    const { log } = this.#options;
    const text = 'router could not be looked after';
    const failure = new RepeatedFailure({ log, level: 'error', text, now: () => performance.now() });
    try {
      for await (const _ of setInterval(WATCH_INTERVAL_MS, undefined, { signal })) {
        round += 1;
        try {
          await this.#watchOnce(round % HOUSEKEEPING_EVERY === 0, signal);
        } catch (err) {
          failure.note(err);
        }
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    } finally {
      this.#master.unwatch();
    }
  }

  async #watchOnce(isHousekeeping: boolean, signal: AbortSignal): Promise<void> {
    if (!(await this.#master.isAlive())) {
      await this.#exclusively(async () => {
        if (signal.aborted || (await this.#master.find()) !== undefined) return;
        this.#options.log.error('router was gone: starting it again');
        await (this.#hasRoutes ? this.#startFresh() : this.#startAgain());
      });
      return;
    }
    if (this.#hasLeftovers) {
      await this.#exclusively(async () => {
        this.#hasLeftovers = false;
        if (!signal.aborted) await this.#converge(this.#wanted);
      });
    }
    if (isHousekeeping) await this.#exclusively(() => this.#keepHouse());
  }

  async #keepHouse(): Promise<void> {
    const counts = new Map<number, number>();
    for (const pid of await this.#master.findWorkers()) {
      const read = () => withWorker(this.#master.socket, pid, readDroppedLogs);
      counts.set(pid, await this.#master.unlessEnded(pid, 0, read));
    }
    const more = this.#droppedLines.look(counts);
    if (more > 0) {
      this.#options.log.warn({ count: more }, 'access log lines were dropped');
      this.#options.onDroppedLines?.(more, this.#lookedAt);
    }
    this.#lookedAt = undefined;
    await limitMessages(join(this.#options.dir, MESSAGES_FILE));
    await keepCounts(this.#options.dir, counts).catch((err: unknown) =>
      this.#options.log.debug({ err }, 'counts of dropped lines are not kept'),
    );
  }
}
