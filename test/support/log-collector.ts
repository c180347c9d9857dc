// A collector process, a tiny image, and containers that print. For the tests of src/logs.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Docker from 'dockerode';
import { pino } from 'pino';
import { pack } from 'tar-stream';
import { createLogClient, type LogClient } from '../../src/logs/client.js';
import { newInstance } from './test-instance.js';

const PROJECT = resolve(import.meta.dirname, '../..');
const DIST = join(PROJECT, 'dist');

/** Waits until `check` gives something; fails after the deadline with `what`. */
export async function until<Value>(
  what: string,
  check: () => Promise<Value | undefined | false> | Value | undefined | false,
  deadlineMs = 60_000,
): Promise<Value> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const value = await check();
    if (value !== undefined && value !== false) return value;
    if (Date.now() > end) throw new Error(`not in ${deadlineMs} ms: ${what}`);
    await sleep(20);
  }
}

export interface CollectorProcess {
  readonly pid: number;
  kill(signal: NodeJS.Signals): Promise<void>;
}

export interface LogsFixture {
  readonly instance: string;
  readonly dataDir: string;
  readonly socketPath: string;
  readonly client: LogClient;
  readonly command: readonly [string, ...string[]];
  /** `wrapper` is put before its command line, such as `env NAME=value`. */
  startCollector(settings?: object, wrapper?: readonly string[]): Promise<CollectorProcess>;
  /** Creates a container that runs a busybox shell script; it is not started. */
  create(script: string, labels?: Record<string, string>): Promise<Docker.Container>;
  close(): Promise<void>;
}

/** Makes all of it; `close` removes all of it. */
export async function openLogsFixture(): Promise<LogsFixture> {
  const instance = newInstance();
  const root = join(PROJECT, 'node_modules/.cache', instance.slice(0, 15));
  const dataDir = join(root, 'data');
  mkdirSync(dataDir, { recursive: true });
  const main = writeProgram(root);
  const docker = new Docker({ socketPath: '/var/run/docker.sock' });
  const image = await importImage(docker, instance);
  const socketPath = join(dataDir, 'run/collector.sock');
  const client = createLogClient({ socketPath, clientId: randomUUID(), log: pino({ level: 'silent' }) });
  const children: ChildProcess[] = [];
  const command: [string, ...string[]] = [process.execPath, main, dataDir, instance];
  return {
    instance,
    dataDir,
    socketPath,
    client,
    command,
    async startCollector(settings = {}, wrapper = []) {
      const [program = '', ...args] = [...wrapper, ...command, JSON.stringify(settings)];
      const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
      children.push(child);
      await until('collector answers', () => client.health().catch(() => undefined));
      return {
        pid: child.pid ?? 0,
        async kill(signal) {
          if (child.exitCode !== null || child.signalCode !== null) return;
          const ended = new Promise((done) => child.once('exit', done));
          child.kill(signal);
          await ended;
        },
      };
    },
    async create(script, labels = {}) {
      return await docker.createContainer({
        Image: image,
        Cmd: ['/bin/busybox', 'sh', '-c', script],
        Labels: { 'paas.instance': instance, ...labels },
        HostConfig: {
          NetworkMode: 'none',
          LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
        },
      });
    },
    async close() {
      client.close();
      for (const child of children) child.kill('SIGKILL');
      const filters = { label: [`paas.instance=${instance}`] };
      for (const { Id } of await docker.listContainers({ all: true, filters }))
        await docker.getContainer(Id).remove({ force: true, v: true });
      await docker.getImage(image).remove({ force: true });
      rmSync(root, { recursive: true, force: true });
    },
  };
}

/** A program that runs the collector, which the global set-up has compiled, with settings from its command line. */
function writeProgram(root: string): string {
  const main = join(root, 'log-collector-test.mjs');
  writeFileSync(
    main,
    `import { runLogCollector } from '${DIST}/daemon/run-log-collector.js';
import { createLogger } from '${DIST}/log.js';
const [, , dataDir, instance, settings = '{}'] = process.argv;
const stop = new AbortController();
process.once('SIGTERM', () => stop.abort());
await runLogCollector(
  { dataDir, instance, dockerSocket: '/var/run/docker.sock', stamp: 'test', retention: { bytes: 200_000_000, days: 7 }, ...JSON.parse(settings) },
  { log: createLogger({ level: process.env.LOG_LEVEL ?? 'warn', isTty: false, name: 'collector' }), signal: stop.signal },
);
`,
  );
  return main;
}

async function importImage(docker: Docker, instance: string): Promise<string> {
  const tar = pack();
  tar.entry({ name: 'bin/busybox', mode: 0o755 }, readFileSync('/usr/bin/busybox'));
  for (const name of ['sh', 'seq', 'yes', 'head', 'cat', 'sleep', 'dd', 'tr', 'usleep', 'printf', 'base64'])
    tar.entry({ name: `bin/${name}`, type: 'symlink', linkname: '/bin/busybox' });
  tar.finalize();
  const repo = `paas-logs-${instance}`;
  // The type of this overload names a file; a stream is as good.
  const stream = (await docker.importImage(tar as unknown as string, {
    repo,
    tag: 'latest',
  })) as unknown as NodeJS.ReadableStream;
  await new Promise((done, failed) =>
    docker.modem.followProgress(stream, (err) => (err ? failed(err) : done(null))),
  );
  return `${repo}:latest`;
}
