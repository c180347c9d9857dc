// What must always hold, whatever went wrong before (I1 to I5, I7; I6 is log-accounting.ts). Checked against the real
// parts beside the daemon: its database opened for reading, the engine's lists, HAProxy's runtime state.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { LABEL } from '../../src/engine/container-spec.js';
import { showProcesses, withWorker } from '../../src/router/runtime-api.js';
import { MASTER_SOCKET } from '../../src/router/settings.js';
import { readTables } from '../../src/router/worker-tables.js';
import { eventually } from './house.js';
import type { Paas } from './paas.js';

/** What the invariants compare with: kept by the test over its whole run. */
export interface History {
  /** Each release as it was first seen, by its id. */
  readonly releases: Map<string, string>;
  /** Releases that an answer of 2xx has told, as `app id v3`. */
  readonly answered: Set<string>;
}

export function newHistory(): History {
  return { releases: new Map(), answered: new Set() };
}

interface WishedApp {
  readonly id: string;
  readonly name: string;
  readonly maintenance: number;
  /** Of the current release; null before the first deploy. */
  readonly version: number | null;
}

interface ListedContainer {
  readonly id: string;
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly ip: string | undefined;
}

/** Everything that does not hold now; empty when all is well. I3 to I5 hold at rest only: see `atRest`. */
export async function findBreaches(paas: Paas, history: History = newHistory()): Promise<string[]> {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { readonly: true, fileMustExist: true });
  try {
    const containers = await listContainers(paas);
    return [
      ...checkReleases(db, history),
      ...checkFormations(db, containers),
      ...(await checkOwners(paas, db, containers)),
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

/** I1: versions are 1..N for each app, and a release never changes. I2: what was answered is there. */
function checkReleases(db: Database.Database, history: History): string[] {
  const breaches: string[] = [];
  const rows = db
    .prepare<[], { id: string; app_id: string; version: number; content: string }>(
      `select r.id, app_id, version, json_array(version, r.description, image, process_types, hex(config)) as content
       from releases r join apps a on a.id = r.app_id where destroyed_at is null order by app_id, version`,
    )
    .all();
  const next = new Map<string, number>();
  const present = new Set<string>();
  for (const { id, app_id, version, content } of rows) {
    const expected = next.get(app_id) ?? 1;
    if (version !== expected) breaches.push(`I1: ${app_id} has v${version} where v${expected} was due`);
    next.set(app_id, version + 1);
    const before = history.releases.get(id);
    if (before !== undefined && before !== content) breaches.push(`I1: ${app_id} v${version} has changed`);
    history.releases.set(id, content);
    present.add(`${app_id} v${version}`);
  }
  for (const answered of history.answered) {
    const isAppThere = next.has(answered.split(' ')[0] ?? '');
    if (isAppThere && !present.has(answered)) breaches.push(`I2: ${answered} was answered and is not there`);
  }
  return breaches;
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
    if (labels[LABEL.role] === 'dyno' || state === 'running') return [];
    return [`I4: a ${labels[LABEL.role]} container of ${appId} is left (${state})`];
  });
  const filter = ['--filter', `label=${LABEL.instance}=${paas.instance}`];
  const networks = await list(paas, ['network', 'ls', ...filter, '--format', '{{.Name}}']);
  for (const name of networks) if (!name.startsWith(paas.network)) breaches.push(`I4: network ${name}`);
  for (const kind of ['volume', 'image'] as const) {
    for (const [object, appId] of await labelledApps(paas, kind, filter)) {
      if (!known.has(appId)) breaches.push(`I4: ${kind} ${object} of ${appId}, which is no app`);
    }
  }
  return breaches;
}

/** Objects of ours that carry an app's id, with it. */
async function labelledApps(
  paas: Paas,
  kind: 'volume' | 'image',
  filter: readonly string[],
): Promise<[object: string, appId: string][]> {
  const [id, labels] = kind === 'volume' ? ['{{.Name}}', '.Labels'] : ['{{.ID}}', '.Config.Labels'];
  const found: [string, string][] = [];
  for (const object of await list(paas, [kind, 'ls', ...filter, '--format', id])) {
    const format = `{{index ${labels} "${LABEL.app}"}}`;
    const inspected = await list(paas, [kind, 'inspect', object, '--format', format]).catch(() => []);
    const [appId] = inspected;
    if (appId !== undefined && appId !== '<no value>') found.push([object, appId]);
  }
  return found;
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

async function listContainers(paas: Paas): Promise<ListedContainer[]> {
  const ids = await list(paas, ['ps', '-aq', '--filter', `label=${LABEL.instance}=${paas.instance}`]);
  if (ids.length === 0) return [];
  const details = JSON.parse(await paas.docker(['inspect', ...ids])) as {
    Id: string;
    State: { Status: string };
    Config: { Labels: Record<string, string> };
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }[];
  return details.map(({ Id, State, Config, NetworkSettings }) => ({
    id: Id,
    state: State.Status,
    labels: Config.Labels,
    ip: Object.values(NetworkSettings.Networks)[0]?.IPAddress,
  }));
}

async function list(paas: Paas, args: readonly string[]): Promise<string[]> {
  return [...new Set((await paas.docker(args)).split('\n').filter(Boolean))];
}
