// What users do, at random. Each operation tells the model what was answered, or what may have happened.

import { setTimeout as sleep } from 'node:timers/promises';
import { type AppModel, configText, Fact, UNKNOWN } from './model.js';
import { type Answer, addApp, type World } from './world.js';

interface Operation {
  readonly name: string;
  readonly weight: number;
  /** Does it; resolves to what to write into the history. */
  run(world: World, app: AppModel): Promise<string>;
}

const MAX_WEB = 3;
const MAX_APPS = 5;
const BUILD_LIMIT_MS = 60_000;
/** An app that nothing is done to. */
export const STEADY = 'steady';

const OPERATIONS: readonly Operation[] = [
  { name: 'deploy', weight: 5, run: deploy },
  { name: 'scale', weight: 3, run: scale },
  { name: 'config', weight: 3, run: changeConfig },
  { name: 'restart', weight: 2, run: restart },
  { name: 'rollback', weight: 2, run: rollBack },
  { name: 'domain', weight: 1, run: changeDomain },
  { name: 'destroy', weight: 1, run: destroy },
];

/** Does one operation on an app that nobody is at work on; false when there is none. */
export async function doOperation(world: World): Promise<boolean> {
  const { apps, busy, random, history } = world;
  const free = [...apps.values()].filter((app) => !busy.has(app.name) && app.name !== STEADY);
  if (free.length === 0) return false;
  const app = random.pick(free);
  const operation = app.certainlyExists ? chooseOperation(world) : { name: 'create', run: create };
  busy.add(app.name);
  try {
    history.add('op', `${operation.name} ${app.name}`);
    history.add('done', `${operation.name} ${app.name}: ${await operation.run(world, app)}`);
  } finally {
    busy.delete(app.name);
  }
  return true;
}

/** Creates an app and deploys to it; for the start of a run. Throws when that fails. */
export async function createFirst(world: World, name: string): Promise<void> {
  world.history.add('done', `create ${name}: ${await create(world, addApp(world, name, false))}`);
  const app = world.apps.get(name);
  if (app === undefined || !app.certainlyExists) throw new Error(`no ${name}`);
  world.history.add('done', `deploy ${name}: ${await deploy(world, app)}`);
  if (app.releases.size < 1) throw new Error(`${name} was not deployed`);
}

function chooseOperation({ random }: World): Operation {
  let left = random.next() * OPERATIONS.reduce((sum, { weight }) => sum + weight, 0);
  const chosen = OPERATIONS.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  return chosen ?? random.pick(OPERATIONS);
}

async function create(world: World, app: AppModel): Promise<string> {
  const alive = [...world.apps.values()].filter(({ exists }) => exists.allows(true)).length;
  if (alive > MAX_APPS && !app.exists.allows(true)) return 'there are enough';
  const answer = await world.call('POST', '/apps', { name: app.name });
  // Whatever was of an app of this name before is gone.
  if (answer?.status === 201) addApp(world, app.name, true);
  else if (!mayHaveHappened(answer)) return outcome(answer);
  else if (!app.exists.allows(true)) addApp(world, app.name, false).exists.allow(true);
  // It is not even known whether the one before is gone.
  else app.forgetAll();
  return outcome(answer);
}

async function destroy(world: World, app: AppModel): Promise<string> {
  const answer = await world.call('DELETE', `/apps/${app.name}`);
  if (answer?.status === 200) app.exists.settle(false);
  else if (mayHaveHappened(answer)) app.exists.allow(false);
  return outcome(answer);
}

async function deploy(world: World, app: AppModel): Promise<string> {
  const image = world.random.pick(world.images).reference;
  const answer = await world.call('POST', `/apps/${app.name}/builds`, { image });
  if (answer?.status !== 201) return outcome(answer);
  const { id } = answer.body as { id: string };
  const deadline = performance.now() + BUILD_LIMIT_MS;
  while (performance.now() < deadline) {
    const build = await world.call('GET', `/apps/${app.name}/builds/${id}`);
    if (build?.status === 404) {
      world.breach(`I2 the build ${id} of ${app.name} was answered and is not there`);
      return 'lost';
    }
    const found = build?.body as BuildAnswer | undefined;
    if (build?.status === 200 && found?.status !== 'pending' && found?.status !== 'queued') {
      if (found?.release) app.releases.set(found.release.version, found.release.id);
      return `${image} ${found?.status} v${found?.release?.version ?? '-'}`;
    }
    await sleep(200);
  }
  return 'still pending';
}

interface BuildAnswer {
  readonly status: string;
  readonly release: { readonly id: string; readonly version: number } | null;
}

async function scale(world: World, app: AppModel): Promise<string> {
  const quantity = world.random.int(0, MAX_WEB);
  const updates = [{ type: 'web', quantity }];
  const answer = await world.call('PATCH', `/apps/${app.name}/formation`, { updates });
  if (answer?.status === 200) app.web.settle(quantity);
  else if (mayHaveHappened(answer)) app.web.allow(quantity);
  return `web=${quantity} ${outcome(answer)}`;
}

async function changeConfig(world: World, app: AppModel): Promise<string> {
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
  return `${name}=${value} ${outcome(answer)}`;
}

function withVariable(config: string, name: string, value: string | null): string {
  const { [name]: _, ...others } = JSON.parse(config) as Record<string, string>;
  return configText(value === null ? others : { ...others, [name]: value });
}

async function restart(world: World, app: AppModel): Promise<string> {
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

async function rollBack(world: World, app: AppModel): Promise<string> {
  const releases = await listReleases(world, app);
  const able = releases.filter(({ status, current, slug }) => status === 'succeeded' && !current && slug);
  if (able.length === 0) return 'nothing to go back to';
  const target = world.random.pick(able);
  const answer = await world.call('POST', `/apps/${app.name}/releases`, { release: target.id });
  if (answer?.status === 201) {
    const made = answer.body as { id: string; version: number };
    app.releases.set(made.version, made.id);
  }
  // The config vars come back with it.
  if (answer?.status === 201) app.config.settle(UNKNOWN);
  else if (mayHaveHappened(answer)) app.config.allow(UNKNOWN);
  return `to v${target.version} ${outcome(answer)}`;
}

async function changeDomain(world: World, app: AppModel): Promise<string> {
  const hostname = `d${world.random.int(1, 3)}.${app.name}.test`;
  const fact = app.domains.get(hostname) ?? new Fact(false);
  app.domains.set(hostname, fact);
  const adds = !fact.allows(true);
  const answer = adds
    ? await world.call('POST', `/apps/${app.name}/domains`, { hostname })
    : await world.call('DELETE', `/apps/${app.name}/domains/${hostname}`);
  if (answer !== undefined && answer.status < 300) fact.settle(adds);
  else if (mayHaveHappened(answer)) fact.allow(adds);
  return `${adds ? 'add' : 'remove'} ${hostname} ${outcome(answer)}`;
}

/** What the platform refused has not happened; what got no answer, or failed half-way, may have. */
function mayHaveHappened(answer: Answer | undefined): boolean {
  return answer === undefined || answer.status >= 500;
}

function outcome(answer: Answer | undefined): string {
  if (answer === undefined) return 'no answer';
  if (answer.status < 300) return String(answer.status);
  return `${answer.status} ${JSON.stringify(answer.body).slice(0, 160)}`;
}
