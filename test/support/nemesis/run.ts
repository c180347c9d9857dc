// A run: periods of random operations under random faults, each followed by a rest at which the invariants must hold.

import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { patience } from '../patience.js';
import { findFaults } from './checks.js';
import { unexcused } from './excuses.js';
import { doFault, type FaultCounts, healAll, sumFaults } from './faults.js';
import { openHistory } from './history.js';
import { createFirst, type Done, doOperation, STEADY, VISITED } from './operations.js';
import { createRandom } from './random.js';
import { startVisitors, type Visitors } from './visitors.js';
import { addApp, openWorld, type World } from './world.js';

const PERIOD_MS = 25_000;
/** From the end of the faults until all must be well. */
const REST_LIMIT_MS = 60_000;
const OPERATORS = 2;
/** A run with less than that shows nothing: faults that were injected, operations that were answered 2xx. */
const LEAST_INJECTED = 2 / 3;
const LEAST_DONE = 1 / 2;
const NAMES = ['ash', 'birch', 'cedar', 'elm', 'fir', 'hazel'];

/** Runs, prints the result, and resolves to whether all held. */
export async function runNemesis(options: { seed: number; minutes: number }): Promise<boolean> {
  const history = openHistory(join(tmpdir(), `nemesis-${options.seed}-${process.pid}.log`));
  history.add('start', `seed ${options.seed}, ${options.minutes} minutes, history in ${history.path}`);
  await using world = await openWorld({ random: createRandom(options.seed), history });
  const counts: Counts = { operations: { done: 0, refused: 0, lost: 0 }, faults: new Map(), excused: 0 };
  const supervisor = supervise(world);
  try {
    for (const name of [STEADY, VISITED, ...NAMES.slice(0, 3)]) await createFirst(world, name);
    for (const name of NAMES.slice(3)) addApp(world, name, false);
    await rest(world);
    const { address, httpPort: port } = world.paas;
    const visitors = startVisitors({ apps: [STEADY, VISITED], address, port });
    const deadline = performance.now() + options.minutes * 60_000;
    while (performance.now() < deadline && world.breaches.length === 0) {
      await period(world, counts, Math.min(deadline, performance.now() + PERIOD_MS));
      await rest(world);
      judgeFailures(world, visitors, counts);
    }
    await visitors.stop();
    const sums = sumUp(world, visitors, counts);
    const isWell = world.breaches.length === 0;
    history.add('end', isWell ? `seed ${options.seed}: ${sums}, I1..I7 ok` : `seed ${options.seed}: ${sums}`);
    if (!isWell) tellBreach(world);
    return isWell;
  } finally {
    supervisor.stop();
  }
}

interface Counts {
  readonly operations: Record<Done['kind'], number>;
  readonly faults: FaultCounts;
  /** Requests that failed for a reason that excuses it. */
  excused: number;
}

function judgeFailures(world: World, visitors: Visitors, counts: Counts): void {
  const failures = visitors.takeFailures();
  const breaches = unexcused(failures, world.excuses);
  counts.excused += failures.length - breaches.length;
  if (breaches.length === 0) return;
  const [first, last] = [breaches[0]?.text, breaches.at(-1)?.text];
  world.breach(`${breaches.length} requests failed without an excuse, from ${first} to ${last}`);
}

/** The figures of the run in words. That there were too few of them is a breach. */
function sumUp(world: World, visitors: Visitors, { operations, faults, excused }: Counts): string {
  const { done, refused, lost } = operations;
  const injected = sumFaults(faults);
  if (injected.share < LEAST_INJECTED) world.breach('too few faults were injected');
  if (done === 0 || done < LEAST_DONE * (done + refused + lost)) world.breach('too few operations were done');
  const visits = Object.entries(visitors.requests).map(([app, count]) => `${count} requests to ${app}`);
  if (Object.values(visitors.requests).includes(0)) world.breach('an app had no visitor');
  return [
    `${done} operations done (${refused} refused, ${lost} without an answer)`,
    injected.text,
    `${visits.join(', ')} (${excused} failed with an excuse)`,
  ].join('; ');
}

/** Operators and faults side by side, until the deadline. */
async function period(world: World, counts: Counts, deadline: number): Promise<void> {
  const isOver = () => performance.now() >= deadline;
  const operators = Array.from({ length: OPERATORS }, async () => {
    while (!isOver()) {
      const done = await doOperation(world);
      if (done !== undefined) counts.operations[done.kind] += 1;
      await sleep(world.random.int(50, 800));
    }
  });
  const nemesis = async () => {
    while (!isOver()) {
      await sleep(world.random.int(200, 3000));
      if (isOver()) return;
      await doFault(world, counts.faults);
    }
  };
  await Promise.all([...operators, nemesis()]);
}

/** Heals, and waits until every invariant holds; a breach when that takes too long. */
async function rest(world: World): Promise<void> {
  await healAll(world);
  const startedAt = performance.now();
  for (;;) {
    const faults = await findFaults(world).catch((error: unknown) => [`not checked: ${String(error)}`]);
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    if (faults.length === 0) {
      world.history.add('check', `I1..I7 ok, ${seconds} s after the last fault`);
      return;
    }
    if (performance.now() - startedAt > patience(REST_LIMIT_MS)) {
      for (const fault of faults) world.breach(`${fault} (${seconds} s after the last fault)`);
      return;
    }
    await sleep(500);
  }
}

/** Starts paasd again whenever it has ended, as systemd does. */
function supervise(world: World): { stop(): void } {
  let isOver = false;
  const watch = async () => {
    while (!isOver) {
      await world.paas.whenEnded();
      if (isOver) return;
      if (world.holdsDaemon || world.engine.pid === undefined) {
        await sleep(50);
        continue;
      }
      world.history.add('start', 'paasd');
      await world.paas.start().catch((error: unknown) => {
        world.history.add('start', `failed: ${String(error).slice(0, 200)}`);
      });
    }
  };
  void watch();
  return {
    stop() {
      isOver = true;
    },
  };
}

function tellBreach({ breaches, history, paas, evidence }: World): void {
  process.stdout.write(`\nBREACH\n${breaches.map((line) => `  ${line}\n`).join('')}`);
  process.stdout.write(`\nThe last lines of paasd:\n${paas.daemonLog().split('\n').slice(-60).join('\n')}\n`);
  for (const [app, lines] of evidence) writeFileSync(`${history.path}.${app}`, lines.join('\n'));
  process.stdout.write(`\nThe history is in ${history.path}\n`);
}
