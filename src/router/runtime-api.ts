// Talks to HAProxy's master over its unix socket, and through it to each worker, old ones included. One command at a
// time: the next is sent when the reply to the last has ended at the prompt.
// https://docs.haproxy.org/2.6/management.html#9.3

import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { quoteValue } from '../errors.js';

/** The processes of one HAProxy. */
export interface HaproxyProcesses {
  readonly master: number;
  /** The worker that listens; undefined for a moment while HAProxy starts. */
  readonly worker: number | undefined;
  /** Workers of earlier configurations, which finish what they have. */
  readonly oldWorkers: readonly number[];
}

/** Asks one command and gives its reply without the final newline. */
export type Ask = (command: string) => Promise<string>;

const REPLY_TIMEOUT_MS = 5000;
const REPLY_LIMIT = 64 * 1024 * 1024;

/** Runs `use` with a connection to the master, and closes it. Throws when HAProxy is not there or does not answer. */
async function withMaster<T>(socketPath: string, use: (ask: Ask) => Promise<T>): Promise<T> {
  await using connection = await CliConnection.open(socketPath);
  return await use((command) => connection.ask(command));
}

/** Runs `use` with a connection to the worker `pid`, by way of the master. Throws when there is no such worker. */
export async function withWorker<T>(
  socketPath: string,
  pid: number,
  use: (ask: Ask) => Promise<T>,
): Promise<T> {
  await using connection = await CliConnection.open(socketPath);
  await connection.enterWorker(pid);
  return await use((command) => connection.ask(command));
}

/** Which processes this HAProxy has. */
export async function showProcesses(socketPath: string): Promise<HaproxyProcesses> {
  return withMaster(socketPath, async (ask) => parseProcesses(await ask('show proc')));
}

/** Asks the master to load its configuration file again; it does so after it has answered. */
export async function askReload(socketPath: string): Promise<void> {
  await using connection = await CliConnection.open(socketPath);
  await connection.askLast('reload');
}

/** Reads the reply to `show proc`. */
export function parseProcesses(reply: string): HaproxyProcesses {
  let master = 0;
  let worker: number | undefined;
  const oldWorkers: number[] = [];
  let isOld = false;
  for (const line of reply.split('\n')) {
    if (line.startsWith('# old workers')) isOld = true;
    const [, pid, type] = /^(\d+)\s+(master|worker)\s/.exec(line) ?? [];
    if (pid === undefined) continue;
    if (type === 'master') master = Number(pid);
    else if (isOld) oldWorkers.push(Number(pid));
    else worker = Number(pid);
  }
  if (master === 0) throw new Error('HAProxy told no master process');
  return { master, worker, oldWorkers };
}

/** One session of the command line of HAProxy's master. */
class CliConnection {
  readonly #socket: Socket;
  readonly #chunks: AsyncIterator<Buffer>;
  #prompt = '';
  #received = '';

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#chunks = socket[Symbol.asyncIterator]();
  }

  static async open(socketPath: string): Promise<CliConnection> {
    const socket = createConnection({ path: socketPath });
    await once(socket, 'connect');
    socket.setTimeout(REPLY_TIMEOUT_MS, () => socket.destroy(new Error('HAProxy does not answer')));
    const connection = new CliConnection(socket);
    // `master> `, or `master[ReloadFailed]> ` after a reload that HAProxy refused.
    const greeting = await connection.#exchange('prompt', '> ');
    const prompt = /master\S*> $/.exec(greeting)?.[0];
    if (prompt === undefined) throw new Error('HAProxy has another prompt than expected');
    connection.#prompt = `\n${prompt}`;
    return connection;
  }

  async enterWorker(pid: number): Promise<void> {
    if (!Number.isInteger(pid)) throw new TypeError('a process id is an integer');
    const prompt = `${pid}> `;
    const reply = await this.#exchange(`@!${pid}`, '> ');
    if (!reply.endsWith(prompt)) throw new Error(`HAProxy has no worker ${pid}`);
    this.#prompt = `\n${prompt}`;
  }

  async ask(command: string): Promise<string> {
    const reply = await this.#exchange(command, this.#prompt);
    return reply.slice(0, -this.#prompt.length);
  }

  async askLast(command: string): Promise<void> {
    this.#socket.write(`${checkCommand(command)}\n`);
    while ((await this.#chunks.next()).done !== true);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
  }

  async #exchange(command: string, prompt: string): Promise<string> {
    this.#socket.write(`${checkCommand(command)}\n`);
    this.#received = '';
    while (!this.#received.endsWith(prompt)) {
      const next = await this.#chunks.next();
      if (next.done === true) throw new Error('HAProxy ended the conversation');
      this.#received += next.value.toString('latin1');
      if (this.#received.length > REPLY_LIMIT) throw new Error('reply of HAProxy is too long');
    }
    return this.#received;
  }
}

/** A command is one line of plain words: `;` would begin another command, `\` an escape, `<<` a payload. */
function checkCommand(command: string): string {
  if (!/^[A-Za-z0-9@!_./:#* -]{1,1000}$/.test(command)) {
    throw new TypeError(`command ${quoteValue(command)} can't be given to HAProxy`);
  }
  return command;
}
