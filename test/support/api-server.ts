// A whole API server on a real database in a directory of its own, for tests.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { buildServer, type ServerDeps } from '../../src/api/server.js';
import { type Database, openDatabase } from '../../src/db/database.js';
import { createHealthNotes } from '../../src/dynos/health-notes.js';
import { createWhy } from '../../src/dynos/why.js';
import { createHeldPushes } from '../../src/git/held-pushes.js';
import { createPushes, type Pushes } from '../../src/git/pushes.js';
import type { TailEvent } from '../../src/logs/client.js';
import type { LogLine, NewLogLine } from '../../src/logs/line.js';
import { type Account, createAccount } from '../../src/platform/accounts.js';
import { createToken } from '../../src/platform/tokens.js';
import { createFakeDeploys, type FakeDeploys } from './fake-deploys.js';

export interface TestServer extends AsyncDisposable {
  readonly server: FastifyInstance;
  readonly db: Database;
  readonly deploys: FakeDeploys;
  readonly pushes: Pushes;
  readonly directory: string;
  /** What was written to the logs of apps. */
  readonly written: NewLogLine[];
  /** `http://127.0.0.1:PORT`, after `listen`. */
  listen(): Promise<string>;
  addAccount(email: string): Promise<{ account: Account; token: string; headers: { authorization: string } }>;
  /** Epoch ms that the database adds to the clock. */
  clock: { aheadMs: number };
}

export const PASSWORD = 'correct horse battery';

export async function startTestServer(overrides: Partial<ServerDeps> = {}): Promise<TestServer> {
  const directory = mkdtempSync(join(tmpdir(), 'paas-api-'));
  const clock = { aheadMs: 0 };
  const now = () => Date.now() + clock.aheadMs;
  const db = openDatabase({ path: join(directory, 'paas.sqlite'), key: Buffer.alloc(32, 1), now });
  const log = pino({ level: process.env['TEST_LOG'] ?? 'silent' });
  const place = {
    repositories: join(directory, 'repositories'),
    emptyHome: join(directory, 'empty'),
    maxPushBytes: 8 * 1024 ** 2,
  };
  const held = createHeldPushes({ db, place, log });
  const deploys = createFakeDeploys({ db, directory, branches: held });
  const pushes = createPushes({
    db,
    deploys,
    held,
    place,
    nodePath: process.execPath,
    log,
  });
  await pushes.start();
  const written: NewLogLine[] = [];
  const server = await buildServer({
    db,
    log,
    urls: {
      platform: 'http://localhost:8080',
      appDomain: 'localhost',
      platformHost: 'localhost',
      appPort: ':8080',
    },
    logs: { write: (lines) => written.push(...lines), read: async () => [], tailBatches: () => noTail() },
    deploys,
    pushes,
    dynos: {
      list: async () => [],
      silentSince: () => undefined,
      runChecks: async () => [],
      whenRouted: async () => undefined,
    },
    why: createWhy({
      db,
      healthNotes: createHealthNotes(),
      listFormation: () => [],
      oneOffs: { list: async () => [] },
      logs: { read: async () => [] },
    }),
    oneOffs: {
      create: () => Promise.reject(new Error('no one-off dynos in this test')),
      kill: async () => undefined,
    },
    upkeep: {
      requireSpace: async () => undefined,
      requireImage: async () => undefined,
      examine: async () => [{ check: 'engine', status: 'ok', detail: 'answers' }],
      metrics: async () => 'paas_apps 0\n',
    },
    settings: {
      signingKey: Buffer.alloc(32, 2),
      uploadsDirectory: join(directory, 'uploads'),
      dynoDefaults: { rollbackWindowMs: 120_000, stopGraceMs: 30_000, bootTimeoutMs: 60_000 },
      maxSourceBytes: 4 * 1024 ** 2,
      dashboardDirectory: undefined,
      version: '0.0.0-test',
    },
    ...overrides,
  });
  return {
    server,
    db,
    deploys,
    pushes,
    directory,
    written,
    clock,
    listen: () => server.listen({ host: '127.0.0.1', port: 0 }),
    async addAccount(email) {
      const account = await createAccount(db, { email, password: PASSWORD, isAdmin: false });
      const { secret } = createToken(db, { accountId: account.id, description: 'test' });
      return { account, token: secret, headers: { authorization: `Bearer ${secret}` } };
    },
    async [Symbol.asyncDispose]() {
      await deploys.stop();
      await pushes.stop();
      server.server.closeAllConnections();
      await server.close();
      db.close();
      rmSync(directory, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

export function logLine(seq: number, text: string): LogLine {
  return { seq, timestampUs: 1_700_000_000_000_000 + seq, source: 'app', process: 'web.1', text };
}

async function* noTail(): AsyncGenerator<readonly TailEvent[]> {}

/** Waits for a condition, at most a minute. */
export async function until(what: string, condition: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited too long until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
