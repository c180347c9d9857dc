// What a test leaves that is killed: the next test takes it away.

import { execFileSync, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { makeOwnedDirectory } from '../support/owned-directory.js';

// As a test does: a directory, a process that has it in its command line, an object of the engine.
const TEST = `
import { spawn, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runnerImport } from 'vite';
const [file, instance] = process.argv.slice(-2);
const { module } = await runnerImport(file, { configFile: false, oxc: { target: 'node20' } });
const directory = module.makeOwnedDirectory('paas-router-');
writeFileSync(directory + '/instance-id', instance);
execFileSync('docker', ['volume', 'create', '--label', 'paas.instance=' + instance, instance]);
const beside = spawn('tail', ['-f', directory + '/instance-id'], { detached: true, stdio: 'ignore' });
console.log(JSON.stringify({ directory, beside: beside.pid }));
setInterval(() => {}, 1000);
`;

it('takes away the files, processes and objects of a test that was killed, and none of one that runs', async () => {
  const instance = `test-${randomBytes(5).toString('hex')}`;
  const file = new URL('../support/owned-directory.ts', import.meta.url).pathname;
  const child = spawn(process.execPath, ['--input-type=module', '-e', TEST, '--', file, instance], {
    cwd: new URL('../../', import.meta.url).pathname,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  const made: string[] = [];
  try {
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
    const { directory, beside } = JSON.parse(line) as { directory: string; beside: number };
    made.push(makeOwnedDirectory('paas-router-'));
    expect([existsSync(directory), runs(beside), volumes(instance)]).toEqual([true, true, [instance]]);
    child.kill('SIGKILL');
    await ended;
    made.push(makeOwnedDirectory('paas-router-'));
    await eventually('its process ends', () => !runs(beside));
    expect([existsSync(directory), volumes(instance)]).toEqual([false, []]);
    expect(made.every((path) => existsSync(path))).toBe(true);
  } finally {
    child.kill('SIGKILL');
    for (const path of made) rmSync(path, { recursive: true, force: true });
  }
});

function volumes(instance: string): string[] {
  const args = ['volume', 'ls', '-q', '--filter', `label=paas.instance=${instance}`];
  return execFileSync('docker', args, { encoding: 'utf8' }).split('\n').filter(Boolean);
}

/** A dead one that nobody has asked about yet does not. */
function runs(pid: number): boolean {
  try {
    return !/\) [ZX] /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}
