// The invariants I1 to I7, at rest: what is promised, what is written, what runs and what is routed must agree.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { backendName } from '../../../src/router/config.js';
import { showProcesses, withWorker } from '../../../src/router/runtime-api.js';
import { requestAs } from '../house.js';
import { findLeftovers } from '../leftovers.js';
import { accountLines, countNotices } from '../log-accounting.js';
import { type AppModel, configText, Fact, UNKNOWN, UNKNOWN_QUANTITY } from './model.js';
import type { World } from './world.js';

/** What is wrong now; each line begins with the invariant. */
export async function findFaults(world: World): Promise<string[]> {
  const facts = readDatabase(world);
  const running = await listDynos(world);
  return [
    ...facts.apps.flatMap((app) => checkReleases(facts, app)),
    ...(await checkPromises(world)),
    ...facts.apps.flatMap((app) => checkDynos(facts, app, running)),
    ...(await checkObjects(world, facts, running)),
    ...(await checkRouter(world, facts, running)),
    ...(await checkLogs(world)),
    ...facts.integrity,
  ];
}

interface AppRow {
  readonly id: string;
  readonly name: string;
}

interface ReleaseRow {
  readonly id: string;
  readonly app_id: string;
  readonly version: number;
  readonly description: string;
  readonly image: string | null;
  readonly status: string;
}

interface Facts {
  readonly apps: readonly AppRow[];
  readonly releases: readonly ReleaseRow[];
  readonly changed: readonly string[];
  readonly formation: readonly { app_id: string; type: string; quantity: number }[];
  readonly unfinished: readonly { id: string; app_id: string; status: string }[];
  readonly integrity: readonly string[];
}

/** Releases as they were first seen, by id: they never change. */
const firstSeen = new Map<string, string>();

function readDatabase({ paas }: World): Facts {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { readonly: true });
  try {
    const all = <Row>(sql: string) => db.prepare(sql).all() as Row[];
    const releases = all<ReleaseRow>(
      'select id, app_id, version, description, image, status from releases order by version',
    );
    const sound = db.pragma('integrity_check', { simple: true });
    const foreign = db.pragma('foreign_key_check') as unknown[];
    return {
      apps: all('select id, name from apps where destroyed_at is null'),
      releases,
      changed: releases
        .filter(hasChanged)
        .map(({ app_id, version }) => `I1 v${version} of ${app_id} changed`),
      formation: all('select app_id, type, quantity from formation'),
      unfinished: all("select id, app_id, status from builds where status in ('queued', 'pending')"),
      integrity: [
        ...(sound === 'ok' ? [] : [`I7 integrity_check: ${String(sound)}`]),
        ...(foreign.length === 0 ? [] : [`I7 foreign_key_check: ${JSON.stringify(foreign)}`]),
      ],
    };
  } finally {
    db.close();
  }
}

function hasChanged({ id, version, description, image }: ReleaseRow): boolean {
  const text = JSON.stringify([version, description, image]);
  const before = firstSeen.get(id) ?? text;
  firstSeen.set(id, text);
  return before !== text;
}

function checkReleases(facts: Facts, app: AppRow): string[] {
  const own = facts.releases.filter((release) => release.app_id === app.id);
  const versions = own.map(({ version }) => version);
  return [
    ...facts.changed,
    ...(versions.every((version, index) => version === index + 1)
      ? []
      : [`I1 ${app.name} has releases ${versions.join(' ')}`]),
    ...own
      .filter(({ status }) => status === 'pending')
      .map(({ version }) => `I3 v${version} of ${app.name} is pending`),
    ...facts.unfinished
      .filter(({ app_id }) => app_id === app.id)
      .map(({ id, status }) => `I3 build ${id} of ${app.name} is ${status}`),
  ];
}

/** I2: what was answered is so. What was not answered is settled by what is found. */
async function checkPromises(world: World): Promise<string[]> {
  const list = await world.call('GET', '/apps');
  if (list?.status !== 200) return [`I2 the list of apps is answered with ${list?.status ?? 'nothing'}`];
  const names = new Set((list.body as AppRow[]).map(({ name }) => name));
  const faults: string[] = [];
  for (const app of world.apps.values()) {
    const exists = names.has(app.name);
    if (!app.exists.allows(exists)) {
      faults.push(`I2 ${app.name} ${exists ? 'is there' : 'is not there'}, expected ${app.exists}`);
    } else if (exists) {
      faults.push(...(await checkPromisesOf(world, app)));
    }
    if (app.exists.allows(exists)) app.exists.settle(exists);
  }
  return faults;
}

async function checkPromisesOf(world: World, app: AppModel): Promise<string[]> {
  const get = async (path: string) => (await world.call('GET', `/apps/${app.name}${path}`))?.body;
  const config = configText((await get('/config-vars')) as Record<string, string>);
  const formation = (await get('/formation')) as { type: string; quantity: number }[];
  const domains = ((await get('/domains')) as { hostname: string }[]).map(({ hostname }) => hostname);
  const releases = new Map(
    ((await get('/releases')) as { id: string; version: number }[]).map(({ id, version }) => [version, id]),
  );
  const web = formation.find(({ type }) => type === 'web')?.quantity;
  const faults: string[] = [];
  if (!app.config.allows(UNKNOWN) && !app.config.allows(config)) {
    faults.push(`I2 ${app.name} has config ${config}, expected ${app.config}`);
  } else app.config.settle(config);
  if (web !== undefined && !app.web.allows(UNKNOWN_QUANTITY) && !app.web.allows(web)) {
    faults.push(`I2 ${app.name} has web=${web}, expected ${app.web}`);
  } else if (web !== undefined) app.web.settle(web);
  for (const [hostname, fact] of app.domains) {
    const isThere = domains.includes(hostname);
    if (!fact.allows(isThere)) faults.push(`I2 domain ${hostname} is there: ${isThere}, expected ${fact}`);
    else app.domains.set(hostname, new Fact(isThere));
  }
  for (const [version, id] of app.releases) {
    if (releases.get(version) !== id) faults.push(`I2 v${version} of ${app.name} is not ${id} any more`);
  }
  return faults;
}

interface DynoRow {
  readonly id: string;
  readonly role: string;
  readonly appId: string;
  readonly release: number;
  readonly name: string;
  readonly state: string;
  readonly ip: string;
}

async function listDynos({ paas, engine }: World): Promise<DynoRow[]> {
  const ids = (await engine.docker(['ps', '-aq', '--filter', `label=paas.instance=${paas.instance}`]))
    .split('\n')
    .filter(Boolean);
  if (ids.length === 0) return [];
  const found = JSON.parse(await engine.docker(['inspect', ...ids]).catch(() => '[]')) as {
    Id: string;
    Config: { Labels: Record<string, string> };
    State: { Status: string };
    NetworkSettings: { Networks: Record<string, { IPAddress: string }> };
  }[];
  return found.map(({ Id, Config: { Labels }, State, NetworkSettings }) => ({
    id: Id,
    role: Labels['paas.role'] ?? '',
    appId: Labels['paas.app'] ?? '',
    release: Number(Labels['paas.release']),
    name: `${Labels['paas.type']}.${Labels['paas.number']}`,
    state: State.Status,
    ip: Object.values(NetworkSettings.Networks)[0]?.IPAddress ?? '',
  }));
}

function currentOf(facts: Facts, app: AppRow): ReleaseRow | undefined {
  return facts.releases
    .filter(({ app_id, status }) => app_id === app.id && status === 'succeeded')
    .sort((a, b) => b.version - a.version)[0];
}

/** I3: each wanted dyno runs once, of the current release, and nothing else does. */
function checkDynos(facts: Facts, app: AppRow, running: readonly DynoRow[]): string[] {
  const current = currentOf(facts, app);
  // The apps of a run have one process type; without a row it has one dyno.
  const rows = facts.formation.filter(({ app_id }) => app_id === app.id);
  const wanted =
    current === undefined || current.image === null
      ? []
      : (rows.length > 0 ? rows : [{ type: 'web', quantity: 1 }]).flatMap(({ type, quantity }) =>
          Array.from({ length: quantity }, (_, index) => `${type}.${index + 1}@${current.version}`),
        );
  const actual = running
    .filter(({ appId }) => appId === app.id)
    .map(({ name, release, role, state }) =>
      role === 'dyno' && state === 'running' ? `${name}@${release}` : `${role} ${name}@${release} ${state}`,
    );
  const [a, b] = [wanted.sort().join(' '), actual.sort().join(' ')];
  return a === b ? [] : [`I3 ${app.name} runs ${b || 'nothing'}, wanted ${a || 'nothing'}`];
}

/** I4: nothing of ours without a row, nothing half-made. */
async function checkObjects(world: World, facts: Facts, running: readonly DynoRow[]): Promise<string[]> {
  const apps = new Set(facts.apps.map(({ id }) => id));
  const filter = ['--filter', `label=paas.instance=${world.paas.instance}`];
  const format = ['--format', '{{.Name}} {{.Label "paas.app"}}'];
  const volumes = (await world.engine.docker(['volume', 'ls', ...filter, ...format]))
    .split('\n')
    .filter(Boolean);
  return [
    ...(await findLeftovers(world.paas)).map((what) => `I4 ${what}`),
    ...running
      .filter(({ appId }) => !apps.has(appId))
      .map(({ role, name, appId }) => `I4 ${role} ${name} of ${appId}, which is no app`),
    ...volumes
      .filter((line) => !apps.has(line.split(' ')[1] ?? ''))
      .map((line) => `I4 volume ${line}, whose app is gone`),
  ];
}

/** I5: the router has the dynos that run as servers, and an app with dynos shows the page of its release. */
async function checkRouter(world: World, facts: Facts, running: readonly DynoRow[]): Promise<string[]> {
  const socket = join(world.paas.dataDir, 'haproxy/master.sock');
  const reply = await showProcesses(socket)
    .then(({ worker }) => withWorker(socket, worker ?? 0, (ask) => ask('show servers state')))
    .catch((error: unknown) => `no: ${String(error)}`);
  if (reply.startsWith('no: ')) return [`I5 the router does not answer: ${reply}`];
  const faults: string[] = [];
  for (const app of facts.apps) {
    const servers = reply
      .split('\n')
      .map((line) => line.split(' '))
      // Backend's name, server's address, operational state 2 is running, no administrative state.
      .filter(
        ([, backend, , , , state, admin]) =>
          backend === backendName(app.id) && state === '2' && admin === '0',
      )
      .map(([, , , , address]) => address);
    const dynos = running
      .filter(({ appId, name, state }) => appId === app.id && name.startsWith('web.') && state === 'running')
      .map(({ ip }) => ip);
    const [a, b] = [servers.sort().join(' '), dynos.sort().join(' ')];
    if (a !== b)
      faults.push(`I5 the router sends ${app.name} to ${a || 'nobody'}, its dynos are ${b || 'none'}`);
    else if (dynos.length > 0) faults.push(...(await checkPage(world, facts, app)));
  }
  return faults;
}

async function checkPage({ paas, images }: World, facts: Facts, app: AppRow): Promise<string[]> {
  const wanted = images.find(({ id }) => id === currentOf(facts, app)?.image)?.page;
  const answer = await requestAs(`${app.name}.${'localhost'}`, paas.httpPort, '/', paas.address).catch(
    (error: unknown) => ({ status: 0, body: String(error) }),
  );
  if (answer.status === 200 && answer.body === wanted) return [];
  return [
    `I5 ${app.name} answers ${answer.status} ${JSON.stringify(answer.body.slice(0, 100))}, not ${wanted}`,
  ];
}

/** I6: of the numbered lines of a process, what is missing was told, and nothing comes twice. */
async function checkLogs(world: World): Promise<string[]> {
  const faults: string[] = [];
  for (const app of world.apps.values()) {
    if (!app.certainlyExists) continue;
    const text = await readLog(world, app.name);
    if (text === undefined) {
      faults.push(`I6 the log of ${app.name} cannot be read`);
      continue;
    }
    faults.push(...judgeLog(app.name, text));
  }
  return faults;
}

function judgeLog(name: string, text: string): string[] {
  const lines = text.split('\n').map((line) => line.replace(/^data: /, ''));
  const { dropped, unknownGaps } = countNotices(lines);
  const accounts = accountLines(lines);
  const faults = accounts
    .filter(({ repeated }) => repeated.length > 0)
    .map((account) => `I6 ${name} ${account.process}: lines ${account.repeated.join(' ')} come again`);
  const gaps = accounts.filter(({ missing }) => missing.length > 0);
  const missing = gaps.reduce((sum, account) => sum + account.missing.length, 0);
  if (missing <= dropped || unknownGaps > 0) return faults;
  const where = gaps.map(
    ({ process, launch, missing: numbers }) => `${process} ${launch} ${numbers.join(' ')}`,
  );
  return [...faults, `I6 ${name}: ${missing} lines are missing, ${dropped} were told: ${where.join(', ')}`];
}

async function readLog(world: World, app: string): Promise<string | undefined> {
  const session = await world.call('POST', `/apps/${app}/log-sessions`, { lines: 1500 });
  if (session?.status !== 201) return undefined;
  const response = await fetch((session.body as { logplex_url: string }).logplex_url, {
    signal: AbortSignal.timeout(20_000),
  }).catch(() => undefined);
  return response?.ok ? await response.text().catch(() => undefined) : undefined;
}
