// What must always hold, whatever went wrong before (I1 to I5, I7; I6 is log-accounting.ts). The one authority for the faults
// and the nemesis. Checked against the real parts beside the daemon: its database opened for reading, the engine's lists,
// HAProxy's runtime state.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LABEL } from '../../src/engine/container-spec.js';
import { showProcesses, withWorker } from '../../src/router/runtime-api.js';
import { MASTER_SOCKET } from '../../src/router/settings.js';
import { readTables } from '../../src/router/worker-tables.js';
import { type ListedContainer, listContainers, listNetworks, listObjects } from './engine-view.js';
import { eventually } from './house.js';
import { strayFiles, strayPrograms } from './leftovers.js';
import type { Paas } from './paas.js';

/** What the invariants compare with: kept by the test over its whole run. */
export interface History {
  /** Each release as it was first seen, by its id. */
  readonly releases: Map<string, string>;
  /** Config vars that an answer of 2xx has told, by app: nobody takes them away again. */
  readonly answered: Map<string, Map<string, string>>;
}

export function newHistory(): History {
  return { releases: new Map(), answered: new Map() };
}

interface WishedApp {
  readonly id: string;
  readonly name: string;
  readonly maintenance: number;
  /** Of the current release; null before the first deploy. */
  readonly version: number | null;
}

/** Everything that does not hold now; empty when all is well. I3 to I5 hold at rest only: see `atRest`. */
export async function findBreaches(paas: Paas, history: History = newHistory()): Promise<string[]> {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { readonly: true, fileMustExist: true });
  try {
    const containers = await listContainers(paas);
    return [
      ...checkReleases(db, history),
      ...checkAutomaticRollbacks(db),
      ...(await checkAnswers(paas, history)),
      ...checkWork(db),
      ...checkFormations(db, containers),
      ...(await checkOwners(paas, db, containers)),
      ...[...strayFiles(paas.dataDir), ...strayPrograms(paas.dataDir)].map((what) => `I4: ${what} is left`),
      ...(await checkRoutes(paas, db, containers)),
      ...checkDatabase(db),
    ];
  } finally {
    db.close();
  }
}

/** Waits until everything holds, and fails with what does not after the deadline. */
export async function atRest(
  paas: Paas,
  history: History = newHistory(),
  deadlineMs = 15_000,
): Promise<void> {
  let breaches: string[] = ['not looked yet'];
  await eventually(
    'the invariants',
    async () => {
      breaches = await findBreaches(paas, history).catch((error: unknown) => [String(error)]);
      return breaches.length === 0;
    },
    deadlineMs,
  ).catch(() => {
    throw new Error(`after ${deadlineMs} ms these do not hold:\n${breaches.join('\n')}`);
  });
}

/** I1: versions are 1..N for each app, and a release never changes. */
function checkReleases(db: Database.Database, history: History): string[] {
  const breaches: string[] = [];
  const rows = db
    .prepare<[], { id: string; app_id: string; version: number; content: string }>(
      `select r.id, app_id, version, json_array(version, r.description, image, process_types, hex(config)) as content
       from releases r join apps a on a.id = r.app_id where destroyed_at is null order by app_id, version`,
    )
    .all();
  const next = new Map<string, number>();
  for (const { id, app_id, version, content } of rows) {
    const expected = next.get(app_id) ?? 1;
    if (version !== expected) breaches.push(`I1: ${app_id} has v${version} where v${expected} was due`);
    next.set(app_id, version + 1);
    const before = history.releases.get(id);
    if (before !== undefined && before !== content) breaches.push(`I1: ${app_id} v${version} has changed`);
    history.releases.set(id, content);
  }
  return breaches;
}

/** I1: the platform goes back from a release once, to one that is as its text says, and never from a rollback. */
function checkAutomaticRollbacks(db: Database.Database): string[] {
  const rows = db
    .prepare<[], { app_id: string; version: number; undoes: number; undone: string | null; same: number }>(
      `select made.app_id, made.version, made.undoes,
         (select description from releases r where r.app_id = made.app_id and r.version = made.undoes) as undone,
         (select count(*) from releases r join releases t on t.app_id = r.app_id
          where r.app_id = made.app_id and r.version = made.version and t.version < made.undoes and t.image = r.image
            and t.process_types = r.process_types
            and r.description like 'Automatic rollback to v' || t.version || ':%') as same
       from release_watches made join apps on apps.id = made.app_id
       where destroyed_at is null and made.undoes is not null`,
    )
    .all();
  const seen = new Set<string>();
  return rows.flatMap(({ app_id, version, undoes, undone, same }) => {
    const what = `I1: v${version} of ${app_id} undoes v${undoes}`;
    const isAgain = seen.has(`${app_id} ${undoes}`);
    seen.add(`${app_id} ${undoes}`);
    return [
      ...(isAgain ? [`${what} again`] : []),
      ...(undone === null || /ollback to v/.test(undone) ? [`${what}, which is ${undone}`] : []),
      ...(same === 1 ? [] : [`${what} and is not the release that it goes back to`]),
    ];
  });
}

/** I2: what was answered is there. */
async function checkAnswers(paas: Paas, history: History): Promise<string[]> {
  const breaches: string[] = [];
  for (const [app, answered] of history.answered) {
    const { status, body } = await paas.owner.api('GET', `/apps/${app}/config-vars`);
    const found = status === 200 ? (body as Record<string, string>) : {};
    const lost = [...answered].filter(([name, value]) => found[name] !== value).map(([name]) => name);
    if (lost.length > 0) breaches.push(`I2: ${app} lost ${lost} of ${answered.size} answered config vars`);
  }
  return breaches;
}

/** I3: nothing is half done. */
function checkWork(db: Database.Database): string[] {
  const rows = db
    .prepare<[], { what: string }>(
      `select 'build ' || builds.id || ' of ' || name || ' is ' || status as what
         from builds join apps on apps.id = app_id where destroyed_at is null and status in ('queued', 'pending')
       union all select 'v' || version || ' of ' || name || ' is pending'
         from releases join apps on apps.id = app_id where destroyed_at is null and status = 'pending'`,
    )
    .all();
  return rows.map(({ what }) => `I3: ${what}`);
}

/** I3: what runs is what is wished, of the current release. */
function checkFormations(db: Database.Database, containers: readonly ListedContainer[]): string[] {
  const wanted = new Map<string, string>();
  for (const app of apps(db)) {
    for (const [dyno, version] of wishedDynos(db, app)) wanted.set(`${app.id} ${dyno}`, `v${version}`);
  }
  const breaches: string[] = [];
  for (const container of containers) {
    if (container.labels[LABEL.role] !== 'dyno') continue;
    const dyno = `${container.labels[LABEL.type]}.${container.labels[LABEL.number]}`;
    const key = `${container.labels[LABEL.app]} ${dyno}`;
    const version = `v${container.labels[LABEL.release]}`;
    if (container.state !== 'running') breaches.push(`I3: a container of ${key} is ${container.state}`);
    else if (!wanted.has(key)) breaches.push(`I3: ${key} runs twice or is not wished (${version})`);
    else if (wanted.get(key) !== version) breaches.push(`I3: ${key} runs ${version}, not ${wanted.get(key)}`);
    else wanted.delete(key);
  }
  for (const [key, version] of wanted) breaches.push(`I3: ${key} does not run (${version})`);
  return breaches;
}

/** I4: nothing of ours belongs to an app that is not there, and no container is left from work that has ended. */
async function checkOwners(
  paas: Paas,
  db: Database.Database,
  containers: readonly ListedContainer[],
): Promise<string[]> {
  const known = new Set(apps(db).map((app) => app.id));
  const breaches = containers.flatMap(({ id, labels, state }) => {
    const appId = labels[LABEL.app];
    if (appId !== undefined && !known.has(appId)) return [`I4: container ${id} of no app`];
    const role = labels[LABEL.role];
    if (role === 'dyno' || (role === 'one-off' && state === 'running')) return [];
    return [`I4: a ${role} container of ${appId} is left (${state})`];
  });
  for (const name of await listNetworks(paas))
    if (!name.startsWith(paas.network)) breaches.push(`I4: network ${name}`);
  for (const { kind, name, labels } of await listObjects(paas)) {
    const appId = labels[LABEL.app];
    if (appId !== undefined && appId !== '' && !known.has(appId))
      breaches.push(`I4: ${kind} ${name} of ${appId}, which is no app`);
  }
  return breaches;
}

/** I5: the servers of the router are the running web containers, in the worker that listens. */
async function checkRoutes(
  paas: Paas,
  db: Database.Database,
  containers: readonly ListedContainer[],
): Promise<string[]> {
  const dir = join(paas.dataDir, 'haproxy');
  const socket = join(dir, MASTER_SOCKET);
  const { worker } = await showProcesses(socket);
  if (worker === undefined) return ['I5: the router has no worker'];
  const tables = await withWorker(socket, worker, (ask) => readTables(ask, dir));
  const breaches: string[] = [];
  for (const app of apps(db)) {
    const running = containers
      .filter(({ labels }) => labels[LABEL.app] === app.id && labels[LABEL.role] === 'dyno')
      .filter(({ labels, state }) => labels[LABEL.type] === 'web' && state === 'running')
      .map(({ ip }) => `${ip}:5000`)
      .sort();
    const servers = (tables.backends.get(`app-${app.id}`) ?? [])
      .filter(({ state }) => state === 'ready')
      .map(({ ip, port }) => `${ip}:${port}`)
      .sort();
    if (servers.join() !== running.join())
      breaches.push(`I5: ${app.name} is routed to [${servers}], its web dynos are [${running}]`);
  }
  for (const backend of tables.backends.keys()) {
    if (
      !apps(db).some(({ id }) => backend === `app-${id}`) &&
      (tables.backends.get(backend)?.length ?? 0) > 0
    )
      breaches.push(`I5: ${backend} has servers and no app`);
  }
  return breaches;
}

/** I7 */
function checkDatabase(db: Database.Database): string[] {
  const integrity = db.pragma('integrity_check', { simple: true });
  const foreign = db.pragma('foreign_key_check');
  return [
    ...(integrity === 'ok' ? [] : [`I7: integrity_check says ${String(integrity)}`]),
    ...(Array.isArray(foreign) && foreign.length === 0 ? [] : [`I7: ${JSON.stringify(foreign)}`]),
  ];
}

function apps(db: Database.Database): WishedApp[] {
  return db
    .prepare<[], WishedApp>(
      `select id, name, maintenance,
         (select max(version) from releases where app_id = apps.id and status = 'succeeded' and image is not null) as version
       from apps where destroyed_at is null`,
    )
    .all();
}

function wishedDynos(db: Database.Database, app: WishedApp): [dyno: string, version: number][] {
  if (app.version === null) return [];
  const { version } = app;
  const release = db
    .prepare<[string, number], { process_types: string }>(
      'select process_types from releases where app_id = ? and version = ?',
    )
    .get(app.id, version);
  const types = Object.keys(JSON.parse(release?.process_types ?? '{}'));
  const stopped = new Set(
    db
      .prepare<[string], { dyno: string }>(
        `select type || '.' || number as dyno from dyno_wishes where app_id = ? and stopped = 1`,
      )
      .all(app.id)
      .map(({ dyno }) => dyno),
  );
  const quantities = new Map(
    db
      .prepare<[string], { type: string; quantity: number }>(
        'select type, quantity from formation where app_id = ?',
      )
      .all(app.id)
      .map(({ type, quantity }) => [type, quantity]),
  );
  return types
    .filter((type) => type !== 'release')
    .flatMap((type) => {
      const quantity = quantities.get(type) ?? (type === 'web' ? 1 : 0);
      return Array.from({ length: quantity }, (_, index) => `${type}.${index + 1}`);
    })
    .filter((dyno) => !stopped.has(dyno))
    .map((dyno) => [dyno, version]);
}
