// A run: periods of random operations under random faults, each followed by a rest at which the invariants must hold.

import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findFaults } from './checks.js';
import { doFault, healAll } from './faults.js';
import { openHistory } from './history.js';
import { createFirst, doOperation, STEADY } from './operations.js';
import { createRandom } from './random.js';
import { startVisitors, type Visitors } from './visitors.js';
import { addApp, openWorld, type World } from './world.js';

const PERIOD_MS = 25_000;
/** From the end of the faults until all must be well. */
const REST_LIMIT_MS = 60_000;
const OPERATORS = 2;
const NAMES = ['ash', 'birch', 'cedar', 'elm', 'fir', 'hazel'];

/** Runs, prints the result, and resolves to whether all held. */
export async function runNemesis(options: { seed: number; minutes: number }): Promise<boolean> {
  const history = openHistory(join(tmpdir(), `nemesis-${options.seed}-${process.pid}.log`));
  history.add('start', `seed ${options.seed}, ${options.minutes} minutes, history in ${history.path}`);
  await using world = await openWorld({ random: createRandom(options.seed), history });
  const counts = { operations: 0, faults: 0 };
  const supervisor = supervise(world);
  try {
    for (const name of [STEADY, ...NAMES.slice(0, 3)]) await createFirst(world, name);
    for (const name of NAMES.slice(3)) addApp(world, name, false);
    await rest(world);
    const { address, httpPort: port } = world.paas;
    const visitors = startVisitors({ host: `${STEADY}.localhost`, address, port });
    const deadline = performance.now() + options.minutes * 60_000;
    while (performance.now() < deadline && world.breaches.length === 0) {
      await period(world, visitors, counts, Math.min(deadline, performance.now() + PERIOD_MS));
      await rest(world);
      const failures = visitors.takeFailures();
      if (failures.length > 0) {
        world.breach(
          `${failures.length} requests to ${STEADY} failed, from ${failures[0]} to ${failures.at(-1)}`,
        );
      }
    }
    await visitors.stop();
    const sums = `${counts.operations} operations, ${counts.faults} faults, ${visitors.requests} requests`;
    const isWell = world.breaches.length === 0;
    history.add('end', isWell ? `seed ${options.seed}: ${sums}, I1..I7 ok` : `seed ${options.seed}: ${sums}`);
    if (!isWell) tellBreach(world);
    return isWell;
  } finally {
    supervisor.stop();
  }
}

/** Operators and faults side by side, until the deadline. */
async function period(
  world: World,
  visitors: Visitors,
  counts: { operations: number; faults: number },
  deadline: number,
): Promise<void> {
  const isOver = () => performance.now() >= deadline;
  const operators = Array.from({ length: OPERATORS }, async () => {
    while (!isOver()) {
      if (await doOperation(world)) counts.operations += 1;
      await sleep(world.random.int(50, 800));
    }
  });
  const nemesis = async () => {
    while (!isOver()) {
      await sleep(world.random.int(200, 3000));
      if (isOver()) return;
      await doFault(world, visitors);
      counts.faults += 1;
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
    if (performance.now() - startedAt > REST_LIMIT_MS) {
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
