import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createHaproxyLook, type HaproxyLook } from '../../../src/router/haproxy-look.js';
import { eventually } from '../../support/house.js';

const CONFIG = '/x/haproxy.cfg';
let child: ChildProcess;
let look: HaproxyLook;

/** A process that looks like a HAProxy with this configuration to the kernel. */
async function start(config = CONFIG): Promise<number> {
  child = spawn('sh', ['-c', 'read line; exec sleep 60', 'haproxy', '-f', config], {
    argv0: 'haproxy',
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  await once(child, 'spawn');
  return child.pid ?? 0;
}

function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((file) => {
    try {
      const path = readlinkSync(`/proc/self/fd/${file}`);
      return path.endsWith('/cmdline') ? [path] : [];
    } catch {
      return [];
    }
  });
}

beforeEach(() => {
  look = createHaproxyLook(CONFIG);
});
afterEach(() => {
  look.close();
  child.kill('SIGKILL');
});

it('says of a process whether it goes on, and keeps one file open', async () => {
  const pid = await start();
  for (const _ of [1, 2, 3]) expect(await look.isAlive(pid)).toBe(true);
  expect(openFiles()).toEqual([`/proc/${pid}/cmdline`]);
  child.kill('SIGKILL');
  await eventually('its end', async () => !(await look.isAlive(pid)));
  expect(openFiles()).toEqual([]);
});

it('sees that the process runs another program', async () => {
  const pid = await start();
  expect(await look.isAlive(pid)).toBe(true);
  child.stdin?.write('\n');
  await eventually('the other program', async () => !(await look.isAlive(pid)));
});

it('asks of another process anew', async () => {
  const pid = await start();
  expect(await look.isAlive(pid)).toBe(true);
  expect(await look.isAlive(process.pid)).toBe(false);
  expect(await look.isAlive(pid)).toBe(true);
  look.close();
  expect(openFiles()).toEqual([]);
  expect(await look.isAlive(pid)).toBe(true);
});

it('takes no HAProxy of another configuration for its own', async () => {
  expect(await look.isAlive(await start('/y/haproxy.cfg'))).toBe(false);
  expect(openFiles()).toEqual([]);
});
