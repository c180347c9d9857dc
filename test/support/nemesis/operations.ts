// What users do, at random. Each operation tells the model what was answered, or what may have happened.

import { setTimeout as sleep } from 'node:timers/promises';
import { type AppModel, configText, Fact, UNKNOWN } from './model.js';
import { type Answer, addApp, type World } from './world.js';

interface Operation {
  readonly name: string;
  readonly weight: number;
  /** Does it; undefined when there was nothing to do. */
  run(world: World, app: AppModel): Promise<Done | undefined>;
}

/** How an operation ended. */
export interface Done {
  /** `refused`: answered that it was not done. `lost`: no answer came. */
  readonly kind: 'done' | 'refused' | 'lost';
  /** For the history. */
  readonly text: string;
}

const MAX_WEB = 3;
const MAX_APPS = 5;
const BUILD_LIMIT_MS = 60_000;
/** An app that nothing is done to. */
export const STEADY = 'steady';
/** An app that is operated on while it is visited: it is never scaled to zero nor destroyed. */
export const VISITED = 'oak';
const VISITED_SHARE = 0.4;

const OPERATIONS: readonly Operation[] = [
  { name: 'deploy', weight: 5, run: deploy },
  { name: 'scale', weight: 3, run: scale },
  { name: 'config', weight: 3, run: changeConfig },
  { name: 'restart', weight: 2, run: restart },
  { name: 'rollback', weight: 2, run: rollBack },
  { name: 'domain', weight: 1, run: changeDomain },
  { name: 'destroy', weight: 1, run: destroy },
];

/** Does one operation on an app that nobody is at work on; undefined when there is none, or nothing to do. */
export async function doOperation(world: World): Promise<Done | undefined> {
  const free = freeApps(world);
  if (free.length === 0) return undefined;
  const visited = free.find(({ name }) => name === VISITED);
  const isVisited = world.random.next() < VISITED_SHARE;
  const app = visited !== undefined && isVisited ? visited : world.random.pick(free);
  const operation = app.certainlyExists ? chooseOperation(world, app) : { name: 'create', run: create };
  return await operate(world, app, operation);
}

/** Deploys to the visited app, which always has a dyno, or to another; undefined when somebody is at work on all. */
export async function deployTo(world: World): Promise<Done | undefined> {
  const free = freeApps(world).filter((app) => app.certainlyExists);
  const app = free.find(({ name }) => name === VISITED) ?? free[0];
  return app && (await operate(world, app, { name: 'deploy', run: deploy }));
}

function freeApps({ apps, busy }: World): AppModel[] {
  return [...apps.values()].filter((app) => !busy.has(app.name) && app.name !== STEADY);
}

async function operate(
  world: World,
  app: AppModel,
  { name, run }: Pick<Operation, 'name' | 'run'>,
): Promise<Done | undefined> {
  const { busy, history } = world;
  busy.add(app.name);
  try {
    history.add('op', `${name} ${app.name}`);
    const done = await run(world, app);
    history.add(done?.kind ?? 'none', `${name} ${app.name}: ${done?.text ?? 'nothing to do'}`);
    return done;
  } finally {
    busy.delete(app.name);
  }
}

/** Creates an app and deploys to it; for the start of a run. Throws when that fails. */
export async function createFirst(world: World, name: string): Promise<void> {
  await operate(world, addApp(world, name, false), { name: 'create', run: create });
  const app = world.apps.get(name);
  if (app === undefined || !app.certainlyExists) throw new Error(`no ${name}`);
  await operate(world, app, { name: 'deploy', run: deploy });
  if (app.releases.size < 1) throw new Error(`${name} was not deployed`);
}

function chooseOperation({ random }: World, app: AppModel): Operation {
  const able = OPERATIONS.filter(({ run }) => app.name !== VISITED || run !== destroy);
  let left = random.next() * able.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = able.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return chosen ?? random.pick(able);
}

async function create(world: World, app: AppModel): Promise<Done | undefined> {
  const alive = [...world.apps.values()].filter(({ exists }) => exists.allows(true)).length;
  if (alive > MAX_APPS && !app.exists.allows(true)) return undefined;
  const answer = await world.call('POST', '/apps', { name: app.name });
  // Whatever was of an app of this name before is gone.
  if (answer?.status === 201) addApp(world, app.name, true);
  else if (!mayHaveHappened(answer)) return outcome(answer);
  else if (!app.exists.allows(true)) addApp(world, app.name, false).exists.allow(true);
  // It is not even known whether the one before is gone.
  else app.forgetAll();
  return outcome(answer);
}

async function destroy(world: World, app: AppModel): Promise<Done> {
  const answer = await world.call('DELETE', `/apps/${app.name}`);
  if (answer?.status === 200) app.exists.settle(false);
  else if (mayHaveHappened(answer)) app.exists.allow(false);
  return outcome(answer);
}

async function deploy(world: World, app: AppModel): Promise<Done> {
  const image = world.random.pick(world.images).reference;
  const answer = await world.call('POST', `/apps/${app.name}/builds`, { image });
  if (answer?.status !== 201) return outcome(answer);
  const { id } = answer.body as { id: string };
  const deadline = performance.now() + BUILD_LIMIT_MS;
  while (performance.now() < deadline) {
    const build = await world.call('GET', `/apps/${app.name}/builds/${id}`);
    if (build?.status === 404) {
      world.breach(`I2 the build ${id} of ${app.name} was answered and is not there`);
      return { kind: 'lost', text: 'not there' };
    }
    const found = build?.body as BuildAnswer | undefined;
    if (build?.status === 200 && found?.status !== 'pending' && found?.status !== 'queued') {
      if (found?.release) app.releases.set(found.release.version, found.release.id);
      return {
        kind: found?.status === 'succeeded' ? 'done' : 'refused',
        text: `${image} ${found?.status} v${found?.release?.version ?? '-'}`,
      };
    }
    await sleep(200);
  }
  return { kind: 'lost', text: 'still pending' };
}

interface BuildAnswer {
  readonly status: string;
  readonly release: { readonly id: string; readonly version: number } | null;
}

async function scale(world: World, app: AppModel): Promise<Done> {
  const quantity = world.random.int(app.name === VISITED ? 1 : 0, MAX_WEB);
  const updates = [{ type: 'web', quantity }];
  const answer = await world.call('PATCH', `/apps/${app.name}/formation`, { updates });
  if (answer?.status === 200) app.web.settle(quantity);
  else if (mayHaveHappened(answer)) app.web.allow(quantity);
  return outcome(answer, `web=${quantity} `);
}

async function changeConfig(world: World, app: AppModel): Promise<Done> {
  const name = `K${world.random.int(1, 4)}`;
  const value = world.random.next() < 0.3 ? null : `v${world.random.int(1, 1000)}`;
  const isKnown = !app.config.allows(UNKNOWN);
  const wanted = !isKnown ? [UNKNOWN] : app.config.values.map((text) => withVariable(text, name, value));
  const answer = await world.call('PATCH', `/apps/${app.name}/config-vars`, { [name]: value });
  if (answer?.status === 200) {
    const actual = configText(answer.body as Record<string, string>);
    if (isKnown && !wanted.includes(actual) && !wentBack(app, await listReleases(world, app))) {
      world.breach(`I2 ${app.name} answers config ${actual}, expected ${wanted.join(' or ')}`);
    }
    app.config.settle(actual);
  } else if (mayHaveHappened(answer)) {
    for (const text of wanted) app.config.allow(text);
  }
  return outcome(answer, `${name}=${value} `);
}

function withVariable(config: string, name: string, value: string | null): string {
  const { [name]: _, ...others } = JSON.parse(config) as Record<string, string>;
  return configText(value === null ? others : { ...others, [name]: value });
}

async function restart(world: World, app: AppModel): Promise<Done> {
  return outcome(await world.call('DELETE', `/apps/${app.name}/dynos`));
}

export interface ReleaseAnswer {
  readonly id: string;
  readonly version: number;
  readonly description: string;
  readonly status: string;
  readonly current: boolean;
  readonly slug: unknown;
}

async function listReleases(world: World, app: AppModel): Promise<ReleaseAnswer[]> {
  const list = await world.call('GET', `/apps/${app.name}/releases`);
  return list?.status === 200 ? (list.body as ReleaseAnswer[]) : [];
}

/**
 * Whether the platform has gone back from a release since this was last asked (dynos that are killed from outside look like
 * a bad one): then the config vars are those of an older one, and no longer what somebody was answered.
 */
export function wentBack(app: AppModel, releases: readonly ReleaseAnswer[]): boolean {
  const own = releases.filter(({ description }) => description.startsWith('Automatic rollback to v'));
  const newest = Math.max(0, ...own.map(({ version }) => version));
  const isNew = newest > app.wentBackAs;
  app.wentBackAs = Math.max(newest, app.wentBackAs);
  return isNew;
}

async function rollBack(world: World, app: AppModel): Promise<Done | undefined> {
  const releases = await listReleases(world, app);
  const able = releases.filter(({ status, current, slug }) => status === 'succeeded' && !current && slug);
  if (able.length === 0) return undefined;
  const target = world.random.pick(able);
  const answer = await world.call('POST', `/apps/${app.name}/releases`, { release: target.id });
  if (answer?.status === 201) {
    const made = answer.body as { id: string; version: number };
    app.releases.set(made.version, made.id);
  }
  // The config vars come back with it.
  if (answer?.status === 201) app.config.settle(UNKNOWN);
  else if (mayHaveHappened(answer)) app.config.allow(UNKNOWN);
  return outcome(answer, `to v${target.version} `);
}

async function changeDomain(world: World, app: AppModel): Promise<Done> {
  const hostname = `d${world.random.int(1, 3)}.${app.name}.test`;
  const fact = app.domains.get(hostname) ?? new Fact(false);
  app.domains.set(hostname, fact);
  const adds = !fact.allows(true);
  const answer = adds
    ? await world.call('POST', `/apps/${app.name}/domains`, { hostname })
    : await world.call('DELETE', `/apps/${app.name}/domains/${hostname}`);
  if (answer !== undefined && answer.status < 300) fact.settle(adds);
  else if (mayHaveHappened(answer)) fact.allow(adds);
  return outcome(answer, `${adds ? 'add' : 'remove'} ${hostname} `);
}

/** What the platform refused has not happened; what got no answer, or failed half-way, may have. */
function mayHaveHappened(answer: Answer | undefined): boolean {
  return answer === undefined || answer.status >= 500;
}

function outcome(answer: Answer | undefined, what = ''): Done {
  if (answer === undefined) return { kind: 'lost', text: `${what}no answer` };
  if (answer.status < 300) return { kind: 'done', text: `${what}${answer.status}` };
  return { kind: 'refused', text: `${what}${answer.status} ${JSON.stringify(answer.body).slice(0, 160)}` };
}
