// Containers that are killed, removed or frozen from outside. One of the app that is visited excuses failures of its
// visitors (excuses.ts), and only such a one is hit of which the platform owes a new one within five seconds: paasd serves,
// nobody is at work on the app, and the dyno has not crashed before (then it may wait).

import { join } from 'node:path';
import Database from 'better-sqlite3';
import { showProcesses, withWorker } from '../../../src/router/runtime-api.js';
import { MASTER_SOCKET } from '../../../src/router/settings.js';
import { readTables } from '../../../src/router/worker-tables.js';
import { eventually } from '../house.js';
import { STEADY, VISITED } from './operations.js';
import { answers, daemonServes } from './serving.js';
import type { World } from './world.js';

/** F8 */
const REPLACED_LIMIT_MS = 5000;
const GIVE_UP_MS = 30_000;
const TRIES = 4;

/** What was hit; or why nothing was. */
export type Outcome = { readonly hit: string } | { readonly missed: string };

interface Dyno {
  readonly id: string;
  readonly app: string;
  readonly appId: string;
  readonly dyno: string;
  readonly release: string;
}

/** Runs this command of docker on a random dyno of an app that things are done to. */
export async function hitDyno(world: World, command: readonly string[]): Promise<Outcome> {
  let why = 'there is none';
  for (let tries = 0; tries < TRIES; tries += 1) {
    const others = (await listDynos(world)).filter(({ app }) => app !== STEADY);
    if (others.length === 0) break;
    const victim = world.random.pick(others);
    try {
      if (victim.app !== VISITED) await world.engine.docker([...command, victim.id]);
      else if (!(await mayHit(world, victim))) continue;
      else await hitVisited(world, victim, command);
      return { hit: `${victim.app} ${victim.dyno}` };
    } catch (error) {
      // It ended by itself meanwhile, or the engine cannot freeze it at once.
      if (!/is not running|No such container|unable to freeze|already in progress/.test(String(error)))
        throw error;
      why = String(error);
    }
  }
  return { missed: why };
}

async function mayHit(world: World, victim: Dyno): Promise<boolean> {
  await daemonServes(world);
  return !world.busy.has(VISITED) && !hasCrashed(world, victim);
}

async function hitVisited(world: World, victim: Dyno, command: readonly string[]): Promise<void> {
  world.busy.add(VISITED);
  try {
    const isAlone = !(await othersServe(world, victim));
    const most = isAlone ? Number.POSITIVE_INFINITY : 1;
    const excuse = world.excuse({ app: VISITED, limitMs: REPLACED_LIMIT_MS, most });
    await world.engine.docker([...command, victim.id]);
    await eventually(
      `${VISITED} serves again`,
      async () => (await isGone(world, victim)) && (await answers(world, VISITED)),
      GIVE_UP_MS,
    );
    const ms = Math.round(performance.now() - excuse.from);
    world.history.add('back', `${VISITED} serves after ${ms} ms, ${isAlone ? 'alone' : 'beside others'}`);
  } finally {
    world.busy.delete(VISITED);
  }
}

async function listDynos({ paas, engine }: World): Promise<Dyno[]> {
  const filters = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  const labels = ['app-name', 'app', 'type', 'number', 'release'].map((name) => `{{.Label "paas.${name}"}}`);
  const text = await engine.docker(['ps', ...filters, '--format', `{{.ID}} ${labels.join(' ')}`]);
  return text
    .split('\n')
    .filter(Boolean)
    .map((row) => {
      const [id = '', app = '', appId = '', type, number, release = ''] = row.split(' ');
      return { id, app, appId, dyno: `${type}.${number}`, release };
    });
}

/** Whether the router has, beside the victim, servers of the same release, and no other: nothing is being replaced. */
async function othersServe(world: World, victim: Dyno): Promise<boolean> {
  const dynos = (await listDynos(world)).filter(({ app }) => app === VISITED);
  const dir = join(world.paas.dataDir, 'haproxy');
  const socket = join(dir, MASTER_SOCKET);
  const { worker } = await showProcesses(socket);
  if (worker === undefined) return false;
  const tables = await withWorker(socket, worker, (ask) => readTables(ask, dir));
  const servers = (tables.backends.get(`app-${victim.appId}`) ?? []).filter(({ state }) => state === 'ready');
  const isSettled =
    dynos.every(({ release }) => release === victim.release) && dynos.length === servers.length;
  return isSettled && dynos.some(({ id }) => id === victim.id) && dynos.length > 1;
}

function hasCrashed({ paas }: World, { appId, dyno }: Dyno): boolean {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { readonly: true });
  try {
    return (
      db
        .prepare(`select 1 from dyno_crashes where app_id = ? and type || '.' || number = ?`)
        .get(appId, dyno) !== undefined
    );
  } finally {
    db.close();
  }
}

async function isGone({ engine }: World, { id }: Dyno): Promise<boolean> {
  return !(await engine.docker(['ps', '-q', '--filter', `id=${id}`])).includes(id);
}
