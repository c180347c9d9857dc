// What only the nemesis can check at rest, beside the invariants of every fault (../invariants.ts): that answers were kept
// (the model knows them), that each app shows the page of its release, and that every numbered line is accounted for.

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { requestAs } from '../house.js';
import { findBreaches } from '../invariants.js';
import { accountLines, untoldBreaches } from '../log-accounting.js';
import { type AppModel, configText, Fact, UNKNOWN, UNKNOWN_QUANTITY } from './model.js';
import { type ReleaseAnswer, wentBack } from './operations.js';
import type { World } from './world.js';

/** What is wrong now; each line begins with the invariant. */
export async function findFaults(world: World): Promise<string[]> {
  const dynos = await listDynos(world);
  return [
    ...(await findBreaches(world.paas, world.seen)),
    ...(await world.engine.strays()).map((id) => `I4: ${id.slice(0, 12)} runs and no container is it`),
    ...(await checkPromises(world)),
    ...(await checkPages(world, dynos)),
    ...(await checkLogs(world, dynos)),
  ];
}

/** I2: what was answered is so. What was not answered is settled by what is found. */
async function checkPromises(world: World): Promise<string[]> {
  const list = await world.call('GET', '/apps');
  if (list?.status !== 200) return [`I2: the list of apps is answered with ${list?.status ?? 'nothing'}`];
  const names = new Set((list.body as { name: string }[]).map(({ name }) => name));
  const faults: string[] = [];
  for (const app of world.apps.values()) {
    const exists = names.has(app.name);
    if (!app.exists.allows(exists)) {
      faults.push(`I2: ${app.name} ${exists ? 'is there' : 'is not there'}, expected ${app.exists}`);
    } else if (exists) {
      faults.push(...(await checkPromisesOf(world, app)));
    }
    if (app.exists.allows(exists)) app.exists.settle(exists);
  }
  return faults;
}

async function checkPromisesOf(world: World, app: AppModel): Promise<string[]> {
  const get = async (path: string) => (await world.call('GET', `/apps/${app.name}${path}`))?.body;
  // First: a release that the platform makes meanwhile is noticed by the next look.
  const releases = (await get('/releases')) as ReleaseAnswer[];
  const config = configText((await get('/config-vars')) as Record<string, string>);
  const formation = (await get('/formation')) as { type: string; quantity: number }[];
  const domains = ((await get('/domains')) as { hostname: string }[]).map(({ hostname }) => hostname);
  const ids = new Map(releases.map(({ id, version }) => [version, id]));
  const web = formation.find(({ type }) => type === 'web')?.quantity;
  const faults: string[] = [];
  if (!wentBack(app, releases) && !app.config.allows(UNKNOWN) && !app.config.allows(config)) {
    faults.push(`I2: ${app.name} has config ${config}, expected ${app.config}`);
  } else app.config.settle(config);
  if (web !== undefined && !app.web.allows(UNKNOWN_QUANTITY) && !app.web.allows(web)) {
    faults.push(`I2: ${app.name} has web=${web}, expected ${app.web}`);
  } else if (web !== undefined) app.web.settle(web);
  for (const [hostname, fact] of app.domains) {
    const isThere = domains.includes(hostname);
    if (!fact.allows(isThere)) faults.push(`I2: domain ${hostname} is there: ${isThere}, expected ${fact}`);
    else app.domains.set(hostname, new Fact(isThere));
  }
  for (const [version, id] of app.releases) {
    if (ids.get(version) !== id) faults.push(`I2: v${version} of ${app.name} is not ${id} any more`);
  }
  return faults;
}

interface RunningDyno {
  readonly id: string;
  readonly app: string;
  /** Such as `web.1`. */
  readonly name: string;
}

async function listDynos({ paas, engine }: World): Promise<RunningDyno[]> {
  const filters = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  const format = '{{.ID}} {{.Label "paas.app-name"}} {{.Label "paas.type"}}.{{.Label "paas.number"}}';
  const rows = (await engine.docker(['ps', ...filters, '--format', format])).split('\n').filter(Boolean);
  return rows.map((row) => {
    const [id = '', app = '', name = ''] = row.split(' ');
    return { id, app, name };
  });
}

/** I5: an app with web dynos shows the page of its release. */
async function checkPages({ paas, images }: World, dynos: readonly RunningDyno[]): Promise<string[]> {
  const pages = new Map(images.map(({ id, page }) => [id, page]));
  const faults: string[] = [];
  for (const [name, image] of currentImages(paas.dataDir)) {
    if (!dynos.some((dyno) => dyno.app === name && dyno.name.startsWith('web.'))) continue;
    const { status, body } = await requestAs(`${name}.localhost`, paas.httpPort, '/', paas.address).catch(
      (error: unknown) => ({ status: 0, body: String(error) }),
    );
    if (status === 200 && body === pages.get(image)) continue;
    faults.push(
      `I5: ${name} answers ${status} ${JSON.stringify(body.slice(0, 100))}, not ${pages.get(image)}`,
    );
  }
  return faults;
}

/** Names of apps, and the image of the current release of each. */
function currentImages(dataDir: string): [name: string, image: string][] {
  const db = new Database(join(dataDir, 'paas.sqlite'), { readonly: true });
  try {
    return db
      .prepare(
        `select name, image from apps join releases on app_id = apps.id
         where destroyed_at is null and image is not null and version =
           (select max(version) from releases r where r.app_id = apps.id and r.status = 'succeeded')`,
      )
      .raw()
      .all() as [string, string][];
  } finally {
    db.close();
  }
}

/** I6: of the numbered lines of a process, what is missing was told, nothing comes twice, and what runs is heard. */
async function checkLogs(world: World, dynos: readonly RunningDyno[]): Promise<string[]> {
  const faults: string[] = [];
  for (const app of world.apps.values()) {
    if (app.certainlyExists) faults.push(...(await checkLogOf(world, app, dynos)));
  }
  return faults;
}

async function checkLogOf(world: World, app: AppModel, dynos: readonly RunningDyno[]): Promise<string[]> {
  const own = dynos.filter((dyno) => dyno.app === app.name);
  const printed = await Promise.all(own.map((dyno) => lastTick(world, dyno)));
  const lines = await readLog(world, app.name);
  if (lines === undefined) return [`I6: the log of ${app.name} cannot be read`];
  // What came since the last look, or all when nothing was cut off, must have its beginning.
  const known = app.lastLine === undefined ? -1 : lines.indexOf(app.lastLine);
  const isAll = lines.length < KEPT_LINES;
  const wholeFrom = known < 0 && !isAll ? lines.length : known + 1;
  const untold = untoldBreaches(lines, { wholeFrom });
  const accounts = accountLines(lines);
  const unheard = printed.filter(
    (tick) => !accounts.some((run) => run.launch === tick.launch && run.printed >= tick.number),
  );
  if (untold.length > 0) world.evidence.set(app.name, lines);
  else app.lastLine = lines.at(-1);
  return [
    ...untold.map((text) => `I6: ${app.name}: ${text}`),
    ...unheard.map(
      ({ name, launch, number }) => `I6: ${app.name}: ${name} ${launch} is not heard at ${number}`,
    ),
  ];
}

/** What the engine has of a dyno's output: its newest numbered line. */
async function lastTick({ engine }: World, { id, name }: RunningDyno) {
  const text = await engine.docker(['logs', '--tail', '1', id]);
  const [, launch = 'nothing', number = '0'] = /^tick (\w+) (\d+)$/m.exec(text) ?? [];
  return { name, launch, number: Number(number) };
}

const KEPT_LINES = 1500;

async function readLog(world: World, app: string): Promise<string[] | undefined> {
  const session = await world.call('POST', `/apps/${app}/log-sessions`, { lines: KEPT_LINES });
  if (session?.status !== 201) return undefined;
  const response = await fetch((session.body as { logplex_url: string }).logplex_url, {
    signal: AbortSignal.timeout(20_000),
  }).catch(() => undefined);
  const text = response?.ok ? await response.text().catch(() => undefined) : undefined;
  return text
    ?.split('\n')
    .map((line) => line.replace(/^data: /, ''))
    .filter((line) => /^\d{4}-/.test(line));
}
