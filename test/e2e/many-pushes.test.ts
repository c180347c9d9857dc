// F16, F17: many pushes at once, with the daemon, git and the builds as they are. Each push has a history of its own, so
// that only one of many to the same app can be what the branch goes on with.

import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Paas, startPaas } from '../support/paas.js';
import { patience } from '../support/patience.js';

const CLONES = 20;
const APPS = 6;
const REASON = /Superseded by build \S+, which is newer|Another push moved main while this one waited/;
let paas: Paas;

beforeAll(async () => {
  paas = await startPaas();
});
afterAll(async () => {
  await paas?.[Symbol.asyncDispose]();
});

it(`F16: of ${CLONES} pushes to one app one is released, and each other is told why it is not`, async () => {
  await paas.owner.cli(['create', 'crowded', '--no-remote']);
  const sources = await Promise.all(numbers(CLONES).map((number) => sourceOf('crowded', number)));
  const pushes = await pushAll(sources);
  const [accepted, ...more] = pushes.filter(({ code }) => code === 0);
  expect(more).toEqual([]);
  expect(await codeReleases('crowded')).toHaveLength(1);
  const { stdout: branch } = await paas.owner.git([
    'ls-remote',
    `${paas.url}/crowded.git`,
    'refs/heads/main',
  ]);
  expect(branch.split('\t')[0]).toBe(accepted?.commit);
  const refused = pushes.filter(({ code }) => code !== 0);
  expect(refused).toHaveLength(CLONES - 1);
  for (const { text, endedMs } of refused) {
    expect(text).toMatch(REASON);
    // Who waited for the build of another is refused when that has ended.
    const since = text.includes('Another push moved main') ? (accepted?.endedMs ?? 0) : 0;
    expect(endedMs - since).toBeLessThan(patience(5000));
  }
  const builds = readBuilds();
  // Of one that heard early there is none.
  expect(builds.length).toBeLessThanOrEqual(CLONES);
  expect(builds.filter(({ status }) => status === 'succeeded')).toHaveLength(1);
  expect(builds.filter(({ status }) => !/^(succeeded|canceled|failed)$/.test(status))).toEqual([]);
  expect(mostAtOnce(builds)).toBe(1);
  const slowest = Math.max(...refused.map(({ endedMs }) => endedMs));
  process.stderr.write(
    `the last of ${refused.length} refused pushes ended after ${Math.round(slowest)} ms\n`,
  );
});

it(`F17: of ${APPS} apps that are pushed at once two are built at a time, the others wait and know it`, async () => {
  const names = numbers(APPS).map((number) => `app-${number}`);
  for (const name of names) await paas.owner.cli(['create', name, '--no-remote']);
  const sources = await Promise.all(names.map((name, number) => sourceOf(name, number)));
  const before = readBuilds().length;
  const asked: number[] = [];
  let isOver = false;
  const watching = (async () => {
    while (!isOver) {
      const startedAt = performance.now();
      expect((await paas.owner.api('GET', '/apps')).status).toBe(200);
      asked.push(performance.now() - startedAt);
      // Builds get what nobody else computes.
      await sleep(50);
    }
  })();
  const pushes = await pushAll(sources);
  isOver = true;
  await watching;
  expect(pushes.filter(({ code }) => code !== 0).map(({ text }) => text)).toEqual([]);
  for (const name of names) expect(await codeReleases(name)).toHaveLength(1);
  const builds = readBuilds().slice(before);
  expect(builds.map(({ status }) => status)).toEqual(names.map(() => 'succeeded'));
  expect(mostAtOnce(builds)).toBe(2);
  const waited = pushes.filter(({ text }) =>
    text.includes('2 builds are running, which is all at once; waiting'),
  );
  expect(waited.length).toBeGreaterThanOrEqual(APPS - 3);
  asked.sort((a, b) => a - b);
  expect(asked[Math.floor((asked.length - 1) * 0.99)]).toBeLessThan(patience(1000));
});

interface Pushed {
  readonly code: number | null;
  readonly text: string;
  readonly commit: string;
  /** Ms since all began. */
  readonly endedMs: number;
}

type Source = Awaited<ReturnType<typeof sourceOf>>;

async function sourceOf(app: string, number: number) {
  const files = { 'index.html': `number ${number}\n` };
  const repository = await paas.owner.repository(app, { files });
  const { stdout } = await paas.owner.git(['rev-parse', 'HEAD'], { cwd: repository.dir });
  return { repository, commit: stdout.trim() };
}

async function pushAll(sources: readonly Source[]): Promise<Pushed[]> {
  const startedAt = performance.now();
  return await Promise.all(
    sources.map(async ({ repository, commit }) => {
      const { code, all } = await repository.push();
      return { code, text: all, commit, endedMs: performance.now() - startedAt };
    }),
  );
}

async function codeReleases(app: string): Promise<unknown[]> {
  const { body } = await paas.owner.api('GET', `/apps/${app}/releases`);
  return (body as { description: string }[]).filter(({ description }) => description.startsWith('Deploy'));
}

interface BuildRow {
  readonly status: string;
  readonly started_at: number | null;
  readonly finished_at: number | null;
}

/** In the order in which they were asked for. */
function readBuilds(): BuildRow[] {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { readonly: true, fileMustExist: true });
  try {
    return db
      .prepare<[], BuildRow>('select status, started_at, finished_at from builds order by rowid')
      .all();
  } finally {
    db.close();
  }
}

/** How many of them ran at the same time, by what is recorded of their starts and ends. */
function mostAtOnce(builds: readonly BuildRow[]): number {
  const ran = builds.flatMap(({ started_at: from, finished_at: to }) =>
    from === null || to === null ? [] : [{ from, to }],
  );
  return Math.max(
    0,
    ...ran.map(({ from }) => ran.filter((other) => other.from <= from && from < other.to).length),
  );
}

function numbers(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
