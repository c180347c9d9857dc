// What goes wrong, at random. A fault is injected, lasts a while, and is healed; what the platform must bring back by
// itself (paasd apart, which a supervisor starts again as systemd would) is not healed here.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { DeployStep } from '../../../src/platform/deploy-steps.js';
import { showProcesses } from '../../../src/router/runtime-api.js';
import { armCrash, CRASH_POINTS, disarmCrash } from '../crash-points.js';
import { eventually, requestAs } from '../house.js';
import { STEADY } from './operations.js';
import type { Visitors } from './visitors.js';
import type { World } from './world.js';

interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Injects it, waits, heals it. Resolves to what was hit. */
  run(world: World, visitors: Visitors): Promise<string>;
}

/** How long a killed HAProxy may be away, and how long afterwards a visitor may still find requests failing. */
const ROUTER_LIMIT_MS = 30_000;
const ROUTER_AFTERMATH_MS = 5000;

/** Steps that deploys of an image come by; test/faults/crash-steps.test.ts has all. */
const STEPS: readonly DeployStep[] = [
  'build-queued',
  'build-started',
  'image-committed',
  'release-written',
  'dyno-created',
  'dyno-started',
  'dyno-healthy',
  'dyno-up',
  'router-told',
  'old-draining',
  'old-drained',
  'old-stopped',
  'old-removed',
  'rollout-ended',
];

const FAULTS: readonly Fault[] = [
  { name: 'kill -9 paasd', weight: 3, run: (world) => endDaemon(world, 'SIGKILL') },
  { name: 'SIGTERM paasd', weight: 2, run: (world) => endDaemon(world, 'SIGTERM') },
  { name: 'crash at a step', weight: 4, run: crashAtStep },
  { name: 'kill -9 collector', weight: 1, run: killCollector },
  {
    name: 'kill -9 HAProxy worker',
    weight: 1,
    run: (world, visitors) => killRouter(world, visitors, 'worker'),
  },
  {
    name: 'kill -9 HAProxy master',
    weight: 1,
    run: (world, visitors) => killRouter(world, visitors, 'master'),
  },
  { name: 'kill -9 dockerd', weight: 2, run: killEngine },
  { name: 'docker rm -f', weight: 2, run: (world) => hitDyno(world, ['rm', '--force']) },
  { name: 'docker kill', weight: 2, run: (world) => hitDyno(world, ['kill']) },
  { name: 'docker pause', weight: 1, run: (world) => hitDyno(world, ['pause']) },
  { name: 'engine cut off', weight: 2, run: cutEngine },
  { name: 'answer of the engine lost', weight: 3, run: loseAnswer },
  { name: 'event stream cut', weight: 1, run: cutEvents },
  { name: 'database locked', weight: 1, run: lockDatabase },
];

/** Injects one fault and heals it. */
export async function doFault(world: World, visitors: Visitors): Promise<void> {
  const { random, history } = world;
  let left = random.next() * FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  const fault = FAULTS.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (fault === undefined) return;
  history.add('fault', fault.name);
  const hit = await fault.run(world, visitors).catch((error: unknown) => `not injected: ${String(error)}`);
  history.add('healed', `${fault.name}: ${hit}`);
}

/** Ends what a fault may have left: nothing is armed, cut off or held. */
export async function healAll(world: World): Promise<void> {
  disarmCrash(world.paas.dataDir);
  world.proxy.tellTruth();
  world.holdsDaemon = false;
  if (world.engine.pid === undefined) await world.engine.start();
}

async function endDaemon(world: World, signal: 'SIGTERM' | 'SIGKILL'): Promise<string> {
  world.holdsDaemon = true;
  const code = await world.paas.stop(signal);
  const pause = world.random.int(0, 2000);
  await sleep(pause);
  world.holdsDaemon = false;
  return `exit code ${code}, away for ${pause} ms`;
}

async function crashAtStep(world: World): Promise<string> {
  const step = world.random.pick(STEPS);
  armCrash(world.paas.dataDir, step, CRASH_POINTS[step].after);
  const ended = await Promise.race([
    world.paas.whenEnded().then(() => true),
    sleep(world.random.int(2000, 8000)).then(() => false),
  ]);
  disarmCrash(world.paas.dataDir);
  return ended ? step : `${step} did not come`;
}

async function killCollector({ paas }: World): Promise<string> {
  const pid = Number.parseInt(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'), 10);
  process.kill(pid, 'SIGKILL');
  return String(pid);
}

async function killRouter({ paas }: World, visitors: Visitors, which: 'worker' | 'master'): Promise<string> {
  const processes = await showProcesses(join(paas.dataDir, 'haproxy/master.sock'));
  const pid = processes[which];
  if (pid === undefined) return 'there is none';
  visitors.tolerate(ROUTER_LIMIT_MS);
  process.kill(pid, 'SIGKILL');
  const killedAt = performance.now();
  // The daemon brings it back; it may be away itself.
  await eventually('HAProxy answers again', () => answers(paas), ROUTER_LIMIT_MS);
  visitors.tolerate(ROUTER_AFTERMATH_MS);
  return `${pid}, back after ${Math.round(performance.now() - killedAt)} ms`;
}

async function answers(paas: World['paas']): Promise<boolean> {
  return await requestAs(`${STEADY}.localhost`, paas.httpPort, '/', paas.address).then(
    ({ status }) => status === 200,
    () => false,
  );
}

async function killEngine({ engine, random }: World): Promise<string> {
  await engine.kill9();
  const pause = random.int(500, 4000);
  await sleep(pause);
  await engine.start();
  return `away for ${pause} ms`;
}

async function hitDyno({ paas, engine, random }: World, command: readonly string[]): Promise<string> {
  const filters = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  const format = '{{.ID}} {{.Names}} {{.Label "paas.app-name"}}';
  const rows = (await engine.docker(['ps', ...filters, '--format', format])).split('\n').filter(Boolean);
  const others = rows.map((row) => row.split(' ')).filter(([, , app]) => app !== STEADY);
  if (others.length === 0) return 'there is none';
  const [id = '', name = ''] = random.pick(others);
  await engine.docker([...command, id]);
  return name;
}

async function cutEngine({ proxy, random }: World): Promise<string> {
  const pause = random.int(200, 5000);
  const refusal = proxy.cutOff();
  await sleep(pause);
  refusal.stop();
  return `for ${pause} ms`;
}

async function loseAnswer({ proxy, random }: World): Promise<string> {
  const what = random.pick(['create', 'start', 'stop', 'attach', 'json', 'wait']);
  const lie = proxy.lie(new RegExp(`/containers/\\S*\\b${what}\\b`), { kind: 'lose-answer' }, 1);
  await sleep(random.int(1000, 4000));
  lie.stop();
  return lie.told === 0 ? `${what}: none came` : what;
}

async function cutEvents({ proxy }: World): Promise<string> {
  return `${proxy.cut(/\/events/)} of them`;
}

async function lockDatabase({ paas, random }: World): Promise<string> {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { timeout: 2000 });
  try {
    const pause = random.int(500, 8000);
    db.exec('begin immediate');
    await sleep(pause);
    db.exec('rollback');
    return `for ${pause} ms`;
  } finally {
    db.close();
  }
}
