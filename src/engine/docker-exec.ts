// A command in a running container. Docker has no call that ends one: at the timeout its processes are killed on the host.

import type Docker from 'dockerode';
import { PaasError } from '../errors.js';
import { FrameSplitter } from './demultiplex.js';
import { engineError, hasStatus } from './docker-errors.js';
import type { ExecOptions, ExecResult } from './engine.js';
import { processTree } from './process-tree.js';

/** See `Engine.runInContainer`. */
export async function execInContainer(
  docker: Docker,
  id: string,
  options: ExecOptions & { command: readonly string[] },
): Promise<ExecResult> {
  const { timeoutMs, signal, maxOutputBytes } = options;
  signal.throwIfAborted();
  const exec = await docker
    .getContainer(id)
    .exec({
      Cmd: [...options.command],
      AttachStdout: true,
      AttachStderr: true,
      AttachStdin: false,
      Tty: false,
    })
    .catch((error: unknown) => {
      throw execError(error, id);
    });
  // Hijacked: the plain answer is buffered by some proxies, and cannot be destroyed at the timeout.
  const socket = await exec.start({ hijack: true, stdin: false }).catch((error: unknown) => {
    throw execError(error, id);
  });
  const output = new BoundedOutput(maxOutputBytes);
  const splitter = new FrameSplitter();
  socket.on('data', (chunk: Buffer) => {
    for (const frame of splitter.split(chunk)) output.add(frame.payload);
  });
  const limit = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
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
  if (!ended) await killExec(exec);
  socket.on('error', () => undefined).destroy();
  signal.throwIfAborted();
  if (!ended) return { exitCode: undefined, output: output.text() };
  const { ExitCode } = await exec.inspect().catch((error: unknown) => {
    throw execError(error, id);
  });
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

/** Kills what the command started, as far as it did not leave its parents. */
async function killExec(exec: Docker.Exec): Promise<void> {
  const { Pid, Running } = await exec.inspect().catch(() => ({ Pid: 0, Running: false }));
  if (!Running || Pid <= 1) return;
  for (const pid of processTree(Pid)) {
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
