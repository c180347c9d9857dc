// What goes wrong, at random. A fault is injected, lasts a while, and is healed; what the platform must bring back by
// itself (paasd apart, which a supervisor starts again as systemd would) is not healed here. Each says whether it happened;
// one that throws is a breach: either the platform or the nemesis did not do what it must.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Database from 'better-sqlite3';
import type { DeployStep } from '../../../src/platform/deploy-steps.js';
import { showProcesses } from '../../../src/router/runtime-api.js';
import { armCrash, CRASH_POINTS, disarmCrash } from '../crash-points.js';
import { eventually } from '../house.js';
import { patience } from '../patience.js';
import { hitDyno, type Outcome } from './hit-dyno.js';
import { deployTo, STEADY } from './operations.js';
import { answers, daemonServes } from './serving.js';
import type { World } from './world.js';

interface Fault {
  readonly name: string;
  readonly weight: number;
  /** Injects it, waits, heals it. */
  run(world: World): Promise<Outcome>;
}

/** How long a killed HAProxy may be away (F26), and a daemon that is told to end may take (F32). */
const ROUTER_LIMIT_MS = 2000;
const TERM_LIMIT_MS = 10_000;
/** After that it does not come any more. */
const GIVE_UP_MS = 30_000;

/** Steps that deploys of an image come by; test/support/crashed-deploys.ts has all. */
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
  { name: 'kill -9 HAProxy worker', weight: 1, run: (world) => killRouter(world, 'worker') },
  { name: 'kill -9 HAProxy master', weight: 1, run: (world) => killRouter(world, 'master') },
  { name: 'kill -9 dockerd', weight: 2, run: killEngine },
  { name: 'docker rm -f', weight: 2, run: (world) => hitDyno(world, ['rm', '--force']) },
  { name: 'docker kill', weight: 2, run: (world) => hitDyno(world, ['kill']) },
  { name: 'docker pause', weight: 1, run: (world) => hitDyno(world, ['pause']) },
  { name: 'engine cut off', weight: 2, run: cutEngine },
  { name: 'answer of the engine lost', weight: 3, run: loseAnswer },
  { name: 'event stream cut', weight: 1, run: cutEvents },
  { name: 'database locked', weight: 1, run: lockDatabase },
];

/** How often each kind was tried, and how often it happened. */
export type FaultCounts = Map<string, { tried: number; injected: number }>;

/** Injects one fault, heals it, and counts it. */
export async function doFault(world: World, counts: FaultCounts): Promise<void> {
  const { random, history } = world;
  let left = random.next() * FAULTS.reduce((sum, { weight }) => sum + weight, 0);
  const fault = FAULTS.find(({ weight }) => {
    left -= weight;
    return left < 0;
  });
  if (fault === undefined) return;
  const count = counts.get(fault.name) ?? { tried: 0, injected: 0 };
  counts.set(fault.name, count);
  count.tried += 1;
  history.add('fault', fault.name);
  try {
    const outcome = await fault.run(world);
    if ('hit' in outcome) count.injected += 1;
    history.add('healed', `${fault.name}: ${'hit' in outcome ? outcome.hit : `missed, ${outcome.missed}`}`);
  } catch (error) {
    world.breach(`${fault.name}: ${String(error)}`);
  }
}

/** `M of N faults injected (kind M of N, …)`, and the share. */
export function sumFaults(counts: FaultCounts): { share: number; text: string } {
  const sum = { tried: 0, injected: 0 };
  for (const { tried, injected } of counts.values()) {
    sum.tried += tried;
    sum.injected += injected;
  }
  const kinds = [...counts].map(([name, { tried, injected }]) => `${name} ${injected} of ${tried}`).sort();
  return {
    share: sum.injected / Math.max(1, sum.tried),
    text: `${sum.injected} of ${sum.tried} faults injected (${kinds.join(', ')})`,
  };
}

/** Ends what a fault may have left: nothing is armed, cut off or held. */
export async function healAll(world: World): Promise<void> {
  disarmCrash(world.paas.dataDir);
  world.proxy.tellTruth();
  world.holdsDaemon = false;
  if (world.engine.pid === undefined) await world.engine.start();
}

async function endDaemon(world: World, signal: 'SIGTERM' | 'SIGKILL'): Promise<Outcome> {
  await daemonServes(world);
  world.holdsDaemon = true;
  const startedAt = performance.now();
  const code = await world.paas.stop(signal);
  const ms = Math.round(performance.now() - startedAt);
  if (ms > patience(TERM_LIMIT_MS)) world.breach(`paasd took ${ms} ms to end after ${signal}`);
  const pause = world.random.int(0, 2000);
  await sleep(pause);
  world.holdsDaemon = false;
  return { hit: `ended after ${ms} ms with ${code ?? signal}, away for ${pause} ms` };
}

/** With a deploy that comes by; what else happens may come by before. */
async function crashAtStep(world: World): Promise<Outcome> {
  const step = world.random.pick(STEPS);
  await daemonServes(world);
  armCrash(world.paas.dataDir, step, CRASH_POINTS[step].after);
  const deployed = deployTo(world);
  const hasEnded = await Promise.race([
    world.paas.whenEnded().then(() => true),
    sleep(GIVE_UP_MS / 2).then(() => false),
  ]);
  disarmCrash(world.paas.dataDir);
  await deployed;
  return hasEnded ? { hit: step } : { missed: `${step} did not come` };
}

async function killCollector({ paas }: World): Promise<Outcome> {
  const pid = await eventually('a collector', () => {
    const found = Number.parseInt(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'), 10);
    return kill(found) && found;
  });
  return { hit: String(pid) };
}

/** Whether the process was there to be killed. */
function kill(pid: number): boolean {
  try {
    process.kill(pid, 'SIGKILL');
    return true;
  } catch {
    return false;
  }
}

/** While paasd runs: it is what brings HAProxy back. */
async function killRouter(world: World, which: 'worker' | 'master'): Promise<Outcome> {
  await daemonServes(world);
  const asked = showProcesses(join(world.paas.dataDir, 'haproxy/master.sock'));
  // It may be starting again just now.
  const pid = (await asked.catch(() => undefined))?.[which];
  if (pid === undefined) return { missed: 'there is none' };
  const excuse = world.excuse({ app: undefined, limitMs: ROUTER_LIMIT_MS });
  if (!kill(pid)) return { missed: `${pid} has just ended` };
  await eventually(
    'HAProxy answers again',
    async () => {
      const now = await showProcesses(join(world.paas.dataDir, 'haproxy/master.sock')).catch(() => undefined);
      return now?.[which] !== undefined && now[which] !== pid && (await answers(world, STEADY));
    },
    GIVE_UP_MS,
  );
  const backAt = performance.now();
  excuse.until = Math.min(excuse.until, backAt);
  return { hit: `${pid}, back after ${Math.round(backAt - excuse.from)} ms` };
}

async function killEngine({ engine, random }: World): Promise<Outcome> {
  await engine.kill9();
  const pause = random.int(500, 4000);
  await sleep(pause);
  await engine.start();
  return { hit: `away for ${pause} ms` };
}

async function cutEngine({ proxy, random }: World): Promise<Outcome> {
  const pause = random.int(200, 5000);
  const refusal = proxy.cutOff();
  await sleep(pause);
  refusal.stop();
  if (refusal.told === 0) return { missed: `nobody asked for ${pause} ms` };
  return { hit: `for ${pause} ms, ${refusal.told} calls` };
}

async function loseAnswer(world: World): Promise<Outcome> {
  const { proxy, random } = world;
  const what = random.pick(['create', 'start', 'stop', 'attach', 'json']);
  const lie = proxy.lie(new RegExp(`/containers/\\S*\\b${what}\\b`), { kind: 'lose-answer' }, 1);
  const deployed = deployTo(world);
  const lost = await eventually('it is lost', () => lie.told > 0, GIVE_UP_MS / 2).catch(() => false);
  lie.stop();
  await deployed;
  return lost ? { hit: what } : { missed: `no ${what} came` };
}

async function cutEvents(world: World): Promise<Outcome> {
  await daemonServes(world);
  const count = world.proxy.cut(/\/events/);
  return count === 0 ? { missed: 'there is none' } : { hit: `${count} of them` };
}

async function lockDatabase({ paas, random }: World): Promise<Outcome> {
  const db = new Database(join(paas.dataDir, 'paas.sqlite'), { timeout: 10_000 });
  try {
    const pause = random.int(500, 8000);
    db.exec('begin immediate');
    await sleep(pause);
    db.exec('rollback');
    return { hit: `for ${pause} ms` };
  } finally {
    db.close();
  }
}
