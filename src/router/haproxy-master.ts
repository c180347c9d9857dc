// The HAProxy that runs over one configuration: a master, its newest worker, and the workers of before that still drain.
// Which they are is asked each time; only the master's pid is remembered, to tell a slow one from one that is gone.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHaproxyLook, type HaproxyLook } from './haproxy-look.js';
import { findHaproxy, isHaproxy, MESSAGES_FILE, until } from './haproxy-process.js';
import { type HaproxyProcesses, showProcesses, withWorker } from './runtime-api.js';
import { CONFIG_FILE, MASTER_SOCKET } from './settings.js';
import { readTables } from './worker-tables.js';

const START_TIMEOUT_MS = 10_000;
/** For a master that is not known yet, and may be in the middle of a reload. */
const ADOPT_TIMEOUT_MS = 3000;

export class HaproxyMaster {
  readonly socket: string;
  readonly configPath: string;
  readonly #dir: string;
  readonly #look: HaproxyLook;
  #pid: number | undefined;

  /** `dir` is where HAProxy's files are. */
  constructor(dir: string) {
    this.#dir = dir;
    this.socket = join(dir, MASTER_SOCKET);
    this.configPath = join(dir, CONFIG_FILE);
    this.#look = createHaproxyLook(this.configPath);
  }

  /** Of the master as it was last seen. */
  get pid(): number | undefined {
    return this.#pid;
  }

  /** A master that lives is waited for longer: on a busy machine it may be slow to answer, and it must not be ended. */
  async recall(): Promise<void> {
    const text = await readFile(join(this.#dir, 'haproxy.pid'), 'utf8').catch(() => '');
    const pid = Number.parseInt(text, 10);
    this.#pid = pid > 1 && (await isHaproxy(pid, this.configPath)) ? pid : undefined;
  }

  /** Whether the master that was last seen runs. */
  async isAlive(): Promise<boolean> {
    return this.#pid !== undefined && (await this.#look.isAlive(this.#pid));
  }

  /** Closes the file that `isAlive` keeps open. */
  unwatch(): void {
    this.#look.close();
  }

  /** The running HAProxy, or undefined when there is none. Waits out the moment of a reload. */
  async find(): Promise<HaproxyProcesses | undefined> {
    let processes: HaproxyProcesses | undefined;
    const timeoutMs = this.#pid === undefined ? ADOPT_TIMEOUT_MS : START_TIMEOUT_MS;
    await until(timeoutMs, async () => {
      try {
        processes = await showProcesses(this.socket);
        return processes.worker !== undefined;
      } catch {
        if (this.#pid !== undefined) return !(await this.isAlive());
        return (await findHaproxy(this.configPath)).length === 0;
      }
    });
    this.#pid = processes?.master;
    return processes;
  }

  /** The newest worker and those that drain; empty when there is none. */
  async findWorkers(): Promise<number[]> {
    const processes = await this.find();
    if (processes === undefined) return [];
    return [...(processes.worker === undefined ? [] : [processes.worker]), ...processes.oldWorkers];
  }

  /** Waits for another worker than `previous`, with the configuration of this fingerprint. Throws when none comes. */
  async waitForWorker(fingerprint: string, previous: number | undefined): Promise<void> {
    const isUp = await until(START_TIMEOUT_MS, async () => {
      try {
        const processes = await showProcesses(this.socket);
        const { worker } = processes;
        if (worker === undefined || worker === previous) return false;
        const tables = await withWorker(this.socket, worker, (ask) => readTables(ask, this.#dir));
        this.#pid = processes.master;
        return tables.fingerprint === fingerprint;
      } catch {
        // The master's socket is away for a moment while it starts a worker.
        return false;
      }
    });
    if (!isUp) throw new Error(`HAProxy did not start; see ${join(this.#dir, MESSAGES_FILE)}`);
  }

  /** What `run` gives; `instead` when it failed because that process has ended. */
  async unlessEnded<T>(pid: number, instead: T, run: () => Promise<T>): Promise<T> {
    try {
      return await run();
    } catch (error) {
      if (!(await isHaproxy(pid, this.configPath))) return instead;
      throw error;
    }
  }
}
