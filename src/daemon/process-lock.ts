// One process of a kind for a data directory: who holds the pid file and answers on the socket is the one.

import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { basename } from 'node:path';
import { holdLock } from '../db/lock-file.js';

/**
 * Takes the place over from a process of the same program that has died. Throws when one is alive. Dispose it at the end: that
 * removes socket and pid file.
 */
export async function takeSocket(paths: { socketPath: string; pidPath: string }): Promise<Disposable> {
  const { socketPath, pidPath } = paths;
  const lock = holdLock(`${pidPath}.lock`);
  const holder = readPid(pidPath);
  if (lock === undefined) throw anotherServes(socketPath, holder);
  try {
    // One of an earlier version has no lock.
    if ((await answers(socketPath)) || (isAlive(holder) && isSameProgram(holder)))
      throw anotherServes(socketPath, holder);
    rmSync(socketPath, { force: true });
    writeFileSync(pidPath, `${process.pid}\n`, { mode: 0o600 });
  } catch (error) {
    lock[Symbol.dispose]();
    throw error;
  }
  return {
    [Symbol.dispose]() {
      if (readPid(pidPath) === process.pid) {
        rmSync(socketPath, { force: true });
        rmSync(pidPath, { force: true });
      }
      lock[Symbol.dispose]();
    },
  };
}

function anotherServes(socketPath: string, holder: number): Error {
  return new Error(`another process (pid ${holder}) serves ${socketPath}`);
}

/** Answers on a socket that was taken and has no other use, until the process ends. */
export async function holdSocket(socketPath: string): Promise<void> {
  const server = createServer((socket) => socket.destroy()).listen(socketPath);
  await once(server, 'listening');
  server.unref();
}

/** Whether somebody accepts connections on a unix socket. */
export async function answers(socketPath: string): Promise<boolean> {
  const socket = connect(socketPath);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    // Refused or absent: nobody is there.
    return false;
  } finally {
    socket.destroy();
  }
}

/** Kills the holder of a pid file, if it runs `program`. Returns its pid; undefined when there is none. */
export function killHolder(pidPath: string, program: string): number | undefined {
  const pid = readPid(pidPath);
  if (!isAlive(pid) || !isSameProgram(pid, program)) return undefined;
  process.kill(pid, 'SIGKILL');
  return pid;
}

function readPid(pidPath: string): number {
  try {
    return Number.parseInt(readFileSync(pidPath, 'utf8'), 10);
  } catch {
    // Removed in between.
    return Number.NaN;
  }
}

function isAlive(pid: number): boolean {
  if (!Number.isInteger(pid) || pid <= 0 || pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Whether nothing of a process is left but what its parent may ask. */
export function hasEnded(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === '';
  } catch {
    return true;
  }
}

/** A pid is used again after a reboot: only a process with our program in its command line counts. */
function isSameProgram(pid: number, program = process.argv[1] ?? ''): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(basename(program));
  } catch {
    return false;
  }
}
