// A command in a running container. Docker has no call that ends one: at the timeout its processes are killed on the host.

import { setTimeout as sleep } from 'node:timers/promises';
import type Docker from 'dockerode';
import { anySignal } from '../any-signal.js';
import { PaasError } from '../errors.js';
import { FrameSplitter } from './demultiplex.js';
import { engineError, hasStatus } from './docker-errors.js';
import type { ExecOptions, ExecResult } from './engine.js';
import { processTree } from './process-tree.js';

/** How long a busy engine may take to start a command whose time is over. */
const START_MS = 30_000;
const LOOK_MS = 50;

/** See `Engine.runInContainer`. */
export async function execInContainer(
  docker: Docker,
  id: string,
  options: ExecOptions & { command: readonly string[] },
): Promise<ExecResult> {
  const { timeoutMs, signal, maxOutputBytes } = options;
  signal.throwIfAborted();
  // An engine that takes a call and never answers would keep its caller for ever.
  using calls = anySignal(signal, AbortSignal.timeout(timeoutMs + START_MS));
  const abortSignal = calls.signal;
  const fail = (error: unknown): never => {
    signal.throwIfAborted();
    throw execError(error, id);
  };
  const exec = await docker
    .getContainer(id)
    .exec({
      Cmd: [...options.command],
      AttachStdout: true,
      AttachStderr: true,
      AttachStdin: false,
      Tty: false,
      abortSignal,
    })
    .catch(fail);
  // Hijacked: the plain answer is buffered by some proxies, and cannot be destroyed at the timeout.
  const socket = await exec.start({ hijack: true, stdin: false, abortSignal }).catch(fail);
  const output = new BoundedOutput(maxOutputBytes);
  const splitter = new FrameSplitter();
  socket.on('data', (chunk: Buffer) => {
    for (const frame of splitter.split(chunk)) output.add(frame.payload);
  });
  using run = anySignal(signal, AbortSignal.timeout(timeoutMs));
  const limit = run.signal;
  const ended = await new Promise<boolean>((resolve) => {
    const onLimit = () => resolve(false);
    if (limit.aborted) onLimit();
    limit.addEventListener('abort', onLimit, { once: true });
    const onEnd = () => {
      limit.removeEventListener('abort', onLimit);
      resolve(true);
    };
    socket.once('end', onEnd).once('close', onEnd).once('error', onEnd);
  });
  const endedBefore = ended ? undefined : await killExec(exec, signal);
  socket.on('error', () => undefined).destroy();
  signal.throwIfAborted();
  if (!ended) return { exitCode: endedBefore, output: output.text() };
  const { ExitCode } = await exec.inspect({ abortSignal }).catch(fail);
  return { exitCode: ExitCode ?? -1, output: output.text() };
}

class BoundedOutput {
  readonly #max: number;
  readonly #chunks: Buffer[] = [];
  #bytes = 0;

  constructor(max: number) {
    this.#max = max;
  }

  add(chunk: Buffer): void {
    const taken = chunk.subarray(0, this.#max - this.#bytes);
    if (taken.length === 0) return;
    this.#chunks.push(Buffer.from(taken));
    this.#bytes += taken.length;
  }

  text(): string {
    return Buffer.concat(this.#chunks).toString('utf8');
  }
}

/**
 * Kills what the command started, as far as it did not leave its parents. Waits for one that is still being started. The
 * exit code of one that had ended: what it left behind may hold its output open.
 */
async function killExec(exec: Docker.Exec, signal: AbortSignal): Promise<number | undefined> {
  const deadline = performance.now() + START_MS;
  for (;;) {
    const seen = await exec.inspect({ abortSignal: signal }).catch(() => undefined);
    // Without an exit code it has not ended, and without a process id it has not begun.
    if (seen === undefined) return undefined;
    if (typeof seen.ExitCode === 'number') return seen.ExitCode;
    if (seen.Pid > 1) {
      killTree(seen.Pid);
      return undefined;
    }
    if (signal.aborted || performance.now() > deadline) return undefined;
    await sleep(LOOK_MS);
  }
}

function killTree(root: number): void {
  for (const pid of processTree(root)) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It has ended; or this daemon may not, and the container's own end takes it along.
    }
  }
}

function execError(error: unknown, id: string): unknown {
  // 409: it does not run, or is paused.
  if (hasStatus(error, 409)) return new PaasError('not_found', `Container ${id} does not run.`);
  return engineError(error, `a command in container ${id}`);
}
