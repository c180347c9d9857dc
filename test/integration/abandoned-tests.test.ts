// What a test leaves that is killed: the next test, and the end of test/run, take it away.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { makeOwnedDirectory } from '../support/owned-directory.js';
import { isAlive } from '../support/processes.js';
import { newInstance, removeObjectsOf } from '../support/test-instance.js';

const SUPPORT = new URL('../support/', import.meta.url).pathname;

// As a test does: a directory, a process that has it in its command line, objects of the engine.
const TEST = `
import { spawn, execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { runnerImport } from 'vite';
const support = process.argv.at(-1);
const load = async (name) => (await runnerImport(support + name, { configFile: false, oxc: { target: 'node20' } })).module;
const directory = (await load('owned-directory.ts')).makeOwnedDirectory('paas-router-');
const instance = (await load('test-instance.ts')).newInstance();
writeFileSync(directory + '/instance-id', instance);
const docker = (...args) => execFileSync('docker', args, { stdio: ['ignore', 'ignore', 'inherit'] });
docker('volume', 'create', '--label', 'paas.instance=' + instance, instance);
docker('create', '--label', 'paas.instance=' + instance, '--network', 'none', 'paas-stack-run:13', 'true');
docker('tag', 'paas-stack-run:13', 'paas-' + instance + '/as-it-is:1');
const beside = spawn('tail', ['-f', directory + '/instance-id'], { detached: true, stdio: 'ignore' });
console.log(JSON.stringify({ directory, beside: beside.pid, instance }));
setInterval(() => {}, 1000);
`;

interface Left {
  readonly child: ChildProcess;
  readonly directory: string;
  readonly beside: number;
  readonly instance: string;
}

it('takes away the files, processes and objects of a test that was killed, and none of one that runs', async () => {
  const left = await startTest();
  const made: string[] = [];
  try {
    made.push(makeOwnedDirectory('paas-router-'));
    expect(remains(left)).toEqual({ directory: true, process: true, objects: 3 });
    await kill(left.child);
    made.push(makeOwnedDirectory('paas-router-'));
    await eventually('its process ends', () => !isAlive(left.beside));
    expect(remains(left)).toEqual({ directory: false, process: false, objects: 0 });
    expect(made.every((path) => existsSync(path))).toBe(true);
  } finally {
    await kill(left.child);
    for (const path of made) rmSync(path, { recursive: true, force: true });
  }
});

it('at the end of test/run does so for all that were killed and what the run left, and touches none of another run', async () => {
  const ours = newInstance();
  const run = mkdtempSync(join(tmpdir(), 'test-run-'));
  const [dead, living, orphan] = await Promise.all([startTest(), startTest(), startTest({ TEST_RUN: run })]);
  try {
    execFileSync('docker', ['volume', 'create', '--label', `paas.instance=${ours}`, ours]);
    await kill(dead.child);
    // Objects whose directory went with somebody's temporary files: their name alone tells the owner.
    rmSync(dead.directory, { recursive: true });
    removeAbandoned(run);
    expect(objects(dead.instance)).toEqual([]);
    expect(remains(orphan)).toMatchObject({ directory: false, objects: 0 });
    expect(remains(living)).toEqual({ directory: true, process: true, objects: 3 });
    expect(objects(ours)).toEqual([ours]);
  } finally {
    await Promise.all([dead, living, orphan].map(({ child }) => kill(child)));
    process.kill(dead.beside, 'SIGKILL');
    removeAbandoned(run);
    removeObjectsOf(ours);
    rmSync(run, { recursive: true });
  }
  await eventually('its process ends', () => !isAlive(living.beside));
  expect(remains(living)).toEqual({ directory: false, process: false, objects: 0 });
});

async function startTest(env: Readonly<Record<string, string>> = {}): Promise<Left> {
  const child = spawn(process.execPath, ['--input-type=module', '-e', TEST, '--', SUPPORT], {
    cwd: new URL('../../', import.meta.url).pathname,
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, ...env },
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { child, ...(JSON.parse(line) as Omit<Left, 'child'>) };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill('SIGKILL');
  await once(child, 'exit');
}

function removeAbandoned(run: string): void {
  execFileSync(process.execPath, [`${SUPPORT}remove-abandoned.mjs`, run], { stdio: 'inherit' });
}

function remains({ directory, beside, instance }: Left): Record<string, unknown> {
  return { directory: existsSync(directory), process: isAlive(beside), objects: objects(instance).length };
}

function objects(instance: string): string[] {
  const filter = `label=paas.instance=${instance}`;
  return [
    ['ps', '-aq', '--filter', filter],
    ['volume', 'ls', '-q', '--filter', filter],
    ['image', 'ls', '-q', '--filter', `reference=paas-${instance}/*`],
  ].flatMap((args) => execFileSync('docker', args, { encoding: 'utf8' }).split('\n').filter(Boolean));
}
