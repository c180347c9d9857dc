// The daemon between limits: an engine it cannot work with, and few open files.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { freePort } from '../support/own-places.js';
import { startPaas } from '../support/paas.js';
import { newInstance } from '../support/test-instance.js';

it('an engine that is too old is refused at the start, once and for all', async () => {
  const version = '{"Version":"19.03.1","ApiVersion":"1.40"}';
  const socketPath = join(tmpdir(), `engine-${process.pid}.sock`);
  const engine = createServer((asked, answer) => {
    answer.setHeader('content-type', 'application/json').end(asked.url === '/version' ? version : '{}');
  }).listen(socketPath);
  await once(engine, 'listening');
  try {
    const started = startPaas({ PAAS_DOCKER_SOCKET: socketPath });
    const failure = await started.then(
      () => undefined,
      (error: unknown) => String(error),
    );
    expect(failure).toContain('Docker 19.03.1 is too old: its API is 1.40.');
    expect(failure).not.toMatch(/^ +at /m);
  } finally {
    engine.close();
    rmSync(socketPath, { force: true });
  }
});

it('with 256 open files new work is refused with a text, nothing crashes, and it goes on afterwards', async () => {
  const apiPort = await freePort();
  await using paas = await startPaas({ PAAS_API_PORT: String(apiPort) });
  const { pid } = paas;
  execFileSync('prlimit', ['--nofile=256:256', '--pid', String(pid)]);
  const held: Socket[] = [];
  const hold = (connections: number) => {
    for (let count = 0; count < connections; count++) {
      const socket = connect(apiPort, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.write('POST /apps HTTP/1.1\r\nHost: localhost\r\n');
      held.push(socket);
    }
  };
  try {
    hold(170);
    const refused = await eventually('work is refused', async () => {
      const answer = await ask(apiPort).catch(() => undefined);
      return answer?.status === 503 ? answer : undefined;
    });
    expect(JSON.parse(refused.body)).toMatchObject({
      id: 'service_unavailable',
      message: 'The platform has too few open files left for new work.',
    });
    // More than it can have: what comes then is closed.
    hold(300);
    await eventually('some were closed', () => held.some((socket) => socket.closed));
  } finally {
    for (const socket of held) socket.destroy();
  }
  await eventually('work is taken again', async () => (await paas.owner.cli(['create', 'after'])).code === 0);
  expect(paas.pid).toBe(pid);
});

/** One request over a connection of its own. */
async function ask(port: number): Promise<{ status: number | undefined; body: string }> {
  return await new Promise((resolve, reject) => {
    const get = request(
      { host: '127.0.0.1', port, path: '/apps', agent: false, timeout: 2000 },
      (response) => {
        let body = '';
        response.setEncoding('utf8').on('data', (chunk: string) => {
          body += chunk;
        });
        response.on('end', () => resolve({ status: response.statusCode, body }));
        response.on('error', reject);
      },
    );
    get.on('error', reject);
    get.on('timeout', () => get.destroy(new Error('no answer')));
    get.end();
  });
}

it('without room for one more process what needs one is refused with a text, and nothing crashes', async () => {
  await using paas = await startPaas();
  const { pid } = paas;
  // The kernel does not hold root to RLIMIT_NPROC (prlimit --nproc): a control group does the same to it.
  await using group = openGroup();
  group.add(Number(pid));
  const created = await paas.owner.cli(['create', 'crowded', '--no-remote']);
  expect(created.code, created.all).toBe(0);
  // Without a program that it runs for a moment: the end of one would leave room.
  await eventually('it is alone', () => group.guests().join() === String(pid));
  group.limit(group.size());
  const refused = await paas.owner.git(['ls-remote', `${paas.url}/crowded.git`]);
  expect(refused.code).not.toBe(0);
  expect(refused.all).toContain('The server has no room for one more process');
  expect(refused.all).toContain('503');
  expect((await paas.owner.api('GET', '/apps/crowded')).status).toBe(200);
  group.limit('max');
  const listed = await paas.owner.git(['ls-remote', `${paas.url}/crowded.git`]);
  expect(listed.code, listed.all).toBe(0);
  expect(paas.pid).toBe(pid);
});

interface Group extends AsyncDisposable {
  add(pid: number): void;
  /** Processes that were added, and those that they have started. */
  guests(): string[];
  /** How many tasks are in it now. */
  size(): string;
  limit(most: string): void;
}

/** Where limits of tasks are, with version 1 and with version 2 of control groups, and which line of a process tells its group. */
const HIERARCHIES = [
  { mount: '/sys/fs/cgroup/pids', line: /^\d+:pids:(.*)$/m },
  { mount: '/sys/fs/cgroup', line: /^0::(.*)$/m },
];

/** The control group of a container: so that the engine makes it, as it does where the test runs. */
function openGroup(): Group {
  const docker = (...args: string[]) => execFileSync('docker', args, { encoding: 'utf8' }).trim();
  const label = `paas.instance=${newInstance()}`;
  const options = ['--label', label, '--network', 'none', '--pids-limit', '5000'];
  const container = docker('run', '-d', ...options, 'paas-stack-run:13', 'sleep', 'infinity');
  const host = docker('inspect', '-f', '{{.State.Pid}}', container);
  const found = HIERARCHIES.map(({ mount, line }) => {
    const directoryOf = (pid: string) =>
      join(mount, line.exec(readFileSync(`/proc/${pid}/cgroup`, 'utf8'))?.[1] ?? '/');
    return { directory: directoryOf(host), home: directoryOf('self') };
  }).find(({ directory }) => existsSync(join(directory, 'pids.max')));
  if (found === undefined) throw new Error(`no control group of ${container} has a limit`);
  const { directory, home } = found;
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  const all = () => readFileSync(join(directory, 'cgroup.procs'), 'utf8').split('\n').filter(Boolean);
  const own = new Set(all());
  const group: Group = {
    add: (pid) => write('cgroup.procs', String(pid)),
    guests: () => all().filter((pid) => !own.has(pid)),
    size: () => readFileSync(join(directory, 'pids.current'), 'utf8').trim(),
    limit: (most) => write('pids.max', most),
    async [Symbol.asyncDispose]() {
      group.limit('max');
      await eventually('no guest is left', () => {
        for (const pid of group.guests()) move(pid, home);
        return group.guests().length === 0;
      });
      docker('rm', '--force', container);
    },
  };
  return group;
}

/** One that has just ended needs no place. */
function move(pid: string, group: string): void {
  try {
    writeFileSync(join(group, 'cgroup.procs'), pid);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}
