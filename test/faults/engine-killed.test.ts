// F1: the engine is killed and comes back, under two apps that are asked and talk.

import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { expectWithin } from '../support/patience.js';
import { isAlive } from '../support/processes.js';
import { slowDisk } from '../support/slow-disk.js';
import { lossesOf, lostLines, openStage, type Stage } from '../support/stage.js';

/** How often it is to have forgotten one, at most so many kills. */
const WANTED = 2;
const MOST_KILLS = 6;
/** How long the engine takes to write something down. */
const WRITE_MS = 500;
let stage: Stage;

beforeAll(async () => {
  stage = await openStage();
});
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
});

const SILENT = /Docker engine has not answered since \d{4}-\d\d-\d\dT[\d:]{8}Z/;

/** What is shown of `ant` while its engine is away: as it was, and that it is as of then. */
async function expectSeenBefore(oneOff: string): Promise<void> {
  const { owner } = stage.paas;
  for (const args of [['ps'], ['ps', '--json'], ['why'], ['why', 'web.1'], ['why', oneOff]]) {
    const { code, all, stderr, stdout } = await owner.cli([...args, '-a', 'ant']);
    expect(code, all).toBe(0);
    expect(stderr, all).toMatch(SILENT);
    if (args[1] === '--json') {
      const states = (JSON.parse(stdout) as { name: string; state: string }[]).map(
        ({ name, state }) => `${name} ${state}`,
      );
      expect(states.sort()).toEqual(['logger.1 up', `${oneOff} up`, 'web.1 up']);
    }
  }
}

it('keeps every dyno, request and line', async () => {
  const { engine, paas } = stage;
  const oneOff = await paas.owner.api('POST', '/apps/ant/dynos', { command: 'sleep 1000' });
  const oneOffName = (oneOff.body as { name: string }).name;
  const before = await stage.dynoPids();
  const traffic = await stage.startTraffic();
  const tails = await stage.startTails();
  await traffic.served(100);

  await engine.kill9();
  await traffic.served(100);
  // Nothing that replaces a dyno: its WebSocket would end with its drain.
  const scaled = await paas.owner.cli(['ps:scale', 'web=2', '-a', 'bee']);
  const refused = await paas.owner.api('POST', '/apps/ant/dynos', { command: 'true' });
  expect(refused.status).toBe(503);
  expect(refused.body).toMatchObject({ id: 'service_unavailable' });
  expect(scaled.code, scaled.all).toBe(0);
  await expectSeenBefore(oneOffName);
  await traffic.served(300);
  const startedAt = performance.now();
  await engine.start();
  await stage.atRest(60_000);
  expectWithin('F1: all at rest after the start of the engine', performance.now() - startedAt, 15_000);
  await traffic.served(100);
  expect((await paas.owner.cli(['ps:stop', oneOffName, '-a', 'ant'])).code).toBe(0);
  const shown = await paas.owner.cli(['ps', '-a', 'ant']);
  expect(shown.stderr, shown.all).not.toMatch(SILENT);

  const lines = await lostLines(tails);
  for (const tail of tails) await tail[Symbol.asyncDispose]();
  expect(lossesOf(await traffic.stop())).toEqual([]);
  expect(lines).toEqual([]);
  const after = await stage.dynoPids();
  expect(after).toMatchObject(before);
  // What was asked meanwhile is done.
  expect(after['bee web.2']).toMatch(/^[1-9]/);
});

/** Process ids of the loggers of this engine, by container. */
function loggers(): Map<string, number> {
  const found = new Map<string, number>();
  for (const pid of readdirSync('/proc')) {
    if (!/^\d+$/.test(pid) || !readText(`/proc/${pid}/cmdline`).includes('ticker.py')) continue;
    const id = /[0-9a-f]{64}/.exec(readText(`/proc/${pid}/cgroup`))?.[0];
    if (id !== undefined && existsSync(configOf(id))) found.set(id, Number(pid));
  }
  return found;
}

/** What the engine has written down about a container. */
function configOf(id: string): string {
  return join(stage.engine.disk, 'docker/containers', id, 'config.v2.json');
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

it('ends what it has forgotten when it is killed in the middle of a start', async () => {
  const { engine, paas } = stage;
  let forgotten = 0;
  let kills = 0;
  for (; kills < MOST_KILLS && forgotten < WANTED; kills += 1) {
    const before = loggers();
    // Otherwise it has written down that the container runs some milliseconds after its first process.
    const slow = await slowDisk(engine.pid ?? 0, WRITE_MS);
    const scaling = paas.owner.cli(['ps:scale', `logger=${kills + 2}`, '-a', 'ant']);
    const [id, pid] = await eventually('a first process', () =>
      [...loggers()].find(([each]) => !before.has(each)),
    );
    await engine.kill9();
    await slow.stop();
    const { State: state } = JSON.parse(readText(configOf(id)));
    if (isAlive(pid) && state.Running === false) forgotten += 1;
    await engine.start();
    await scaling;
    await stage.atRest(30_000);
  }
  process.stderr.write(`${kills} kills, containers that the engine had forgotten: ${forgotten}\n`);
  expect(forgotten).toBe(WANTED);
  const scaled = await paas.owner.cli(['ps:scale', 'logger=1', '-a', 'ant']);
  expect(scaled.code, scaled.all).toBe(0);
  await stage.atRest(30_000);
});

/** Processes with this word in their command line. */
function withWord(word: string): number[] {
  return readdirSync('/proc')
    .filter((pid) => /^\d+$/.test(pid) && readText(`/proc/${pid}/cmdline`).split('\0').includes(word))
    .map(Number);
}

it('leaves no step of a Dockerfile build behind', async () => {
  const { engine, paas } = stage;
  const word = `step${randomBytes(6).toString('hex')}`;
  await paas.owner.cli(['create', 'stepping']);
  const files = {
    Dockerfile: `FROM paas-stack-run:13\nRUN ["sh", "-c", "while :; do sleep 0.1; done", "${word}"]\n`,
  };
  const pushing = (await paas.owner.repository('stepping', { files })).push();
  const [pid = 0] = await eventually('the step runs', () => {
    const pids = withWord(word);
    return pids.length > 0 ? pids : undefined;
  });
  await engine.kill9();
  expect(isAlive(pid)).toBe(true);
  await engine.start();
  const canceled = await paas.owner.cli(['builds:cancel', '-a', 'stepping']);
  process.stderr.write(`${canceled.all.trim()}\n`);
  expect((await pushing).code).not.toBe(0);
  await eventually('the step has ended', () => withWord(word).length === 0, 40_000);
  await stage.atRest(30_000);
});
