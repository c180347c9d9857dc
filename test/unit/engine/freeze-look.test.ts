import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { createFreezeLook, type FreezeLook } from '../../../src/engine/freeze-look.js';

let shell: ChildProcess;
let look: FreezeLook;

function start(): number {
  shell = spawn('sh', [], { stdio: ['pipe', 'ignore', 'ignore'], detached: true });
  look = createFreezeLook(shell.pid ?? 0);
  return shell.pid ?? 0;
}

afterEach(() => {
  look.close();
  const isGone = shell.exitCode !== null || shell.signalCode !== null;
  if (shell.pid !== undefined && !isGone) process.kill(-shell.pid, 'SIGKILL');
});

async function until(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + 10_000;
  while (!isTrue()) {
    expect(performance.now()).toBeLessThan(deadline);
    await sleep(5);
  }
}

function childOf(pid: number): number {
  return Number.parseInt(readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10) || 0;
}

function openFilesOf(pid: number): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${fd}`);
      return path.startsWith(`/proc/${pid}/`) ? [path] : [];
    } catch {
      return [];
    }
  });
}

it('sees a process that is stopped and goes on, again and again', async () => {
  const pid = start();
  for (let round = 0; round < 3; round += 1) {
    expect(look.isFrozen()).toBe(false);
    process.kill(pid, 'SIGSTOP');
    await until(() => look.isFrozen());
    process.kill(pid, 'SIGCONT');
    await until(() => !look.isFrozen());
  }
});

it('sees that the child of a process which had none before is stopped', async () => {
  const pid = start();
  expect(look.isFrozen()).toBe(false);
  shell.stdin?.write('sleep 100\n');
  await until(() => childOf(pid) > 0);
  const child = childOf(pid);
  expect(look.isFrozen()).toBe(false);
  process.kill(child, 'SIGSTOP');
  await until(() => look.isFrozen());
  process.kill(child, 'SIGKILL');
  await until(() => !look.isFrozen());
});

it('keeps the same few files open, and none of a process that has ended or after the end', async () => {
  const pid = start();
  for (let round = 0; round < 10; round += 1) expect(look.isFrozen()).toBe(false);
  expect(openFilesOf(pid)).toHaveLength(3);
  look.close();
  expect(openFilesOf(pid)).toEqual([]);
  expect(look.isFrozen()).toBe(false);
  process.kill(pid, 'SIGKILL');
  await until(() => shell.signalCode !== null);
  expect(look.isFrozen()).toBe(false);
  expect(openFilesOf(pid)).toEqual([]);
});
