// F3: paasd ends by SIGKILL at each step of a deploy. 15 s after it was started again the deploy is finished or has cleanly
// failed and the invariants hold, the version before has served all the time, nothing is left over, the next push works.
// Two files share the steps, each on an engine of its own.

import { Agent, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import type { DeployStep } from '../../src/platform/deploy-steps.js';
import { armCrash, CRASH_POINTS, crashingDaemon, disarmCrash } from './crash-points.js';
import { listContainers } from './engine-view.js';
import { eventually } from './house.js';
import { findBreaches, newHistory } from './invariants.js';
import { findLeftovers } from './leftovers.js';
import { type Paas, type Repository, startPaas } from './paas.js';
import { expectWithin } from './patience.js';
import { openPrivateEngine, type PrivateEngine } from './private-engine.js';
import { importTinyImage } from './tiny-image.js';

const APP = 'crashed';
const LIMIT_MS = 15_000;
const GIVE_UP_MS = 60_000;
const STEPS = Object.keys(CRASH_POINTS) as DeployStep[];
const FIRST_OF_ROLLOUT = STEPS.indexOf('dyno-created');
/** All steps, in the order of a deploy. */
export const STEPS_TO_RELEASE: readonly DeployStep[] = STEPS.slice(0, FIRST_OF_ROLLOUT);
export const STEPS_OF_ROLLOUT: readonly DeployStep[] = STEPS.slice(FIRST_OF_ROLLOUT);

let engine: PrivateEngine;
let paas: Paas;
const history = newHistory();
let repository: Repository;
let visits: { stop(): Promise<string[]> };
let round = 1;
let releasesBefore = 1;

// One that hangs must not take the time of all others.
const STEP_LIMIT_MS = 150_000;

/** Declares a test for each step, with the deploy by `git push` or by `paas deploy`. Once a file. */
export function testCrashes(byGit: readonly DeployStep[], byArchive: readonly DeployStep[]): void {
  beforeAll(async () => {
    engine = await openPrivateEngine();
    paas = await startPaas({}, { engine, program: crashingDaemon });
    const image = await importTinyImage({
      instance: paas.instance,
      name: 'tiny',
      socketPath: engine.socketPath,
    });
    await paas.owner.cli(['create', APP, '--no-remote']);
    repository = await paas.owner.repository(APP, {
      files: {
        Dockerfile: `FROM ${image}\nCOPY . /app\n`,
        Procfile: 'web: exec httpd -f -p $PORT -h /app\nrelease: true\n',
        'index.html': 'version 1\n',
      },
    });
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    await paas.answers(APP, 'version 1');
    visits = visit();
  });

  afterAll(async () => {
    await visits?.stop();
    await paas?.[Symbol.asyncDispose]();
    await engine?.[Symbol.asyncDispose]();
  });

  describe('a deploy is finished or has cleanly failed when paasd is killed', () => {
    it.each(byGit)(
      'at %s, by git',
      async (step) => {
        round += 1;
        await repository.commit({ 'index.html': `version ${round}\n` });
        await crash(step, () => repository.push());
        const again = await repository.push();
        expect(again.code, again.all).toBe(0);
        expect(await answer(), again.all).toBe(`version ${round}\n`);
      },
      STEP_LIMIT_MS,
    );

    it.each(byArchive)(
      'at %s, by an archive',
      async (step) => {
        round += 1;
        await repository.commit({ 'index.html': `version ${round}\n` });
        const cutOff = await crash(step, () => deployArchive());
        expect(cutOff.code, cutOff.all).toBe(0);
        expect(cutOff.all).toMatch(/deployed|The platform restarted meanwhile/);
        const again = await deployArchive();
        expect(again.code, again.all).toBe(0);
        expect(await answer(), again.all).toBe(`version ${round}\n`);
      },
      STEP_LIMIT_MS,
    );

    it('with every request answered', async () => {
      expect(await visits.stop()).toEqual([]);
    });
  });
}

function deployArchive() {
  return paas.owner.cli(['deploy', repository.dir, '-a', APP]);
}

/** Deploys until the step ends paasd, starts it again, and sees it settle. What the command said in the end. */
async function crash<Done extends { all: string }>(
  step: DeployStep,
  deploy: () => Promise<Done>,
): Promise<Done> {
  releasesBefore = (await listReleases()).length;
  armCrash(paas.dataDir, step, CRASH_POINTS[step].after);
  const deployed = deploy();
  const hasCrashed = await Promise.race([
    paas.whenEnded().then(() => true),
    deployed.then(async () => {
      // The answer may come just before the last steps.
      await Promise.race([paas.whenEnded(), new Promise((resolve) => setTimeout(resolve, 20_000))]);
      return false;
    }),
  ]);
  disarmCrash(paas.dataDir);
  if (!hasCrashed) {
    const { all } = await deployed;
    await Promise.race([paas.whenEnded(), Promise.reject(new Error(`${step} did not come: ${all}`))]);
  }
  const startedAt = performance.now();
  await paas.start();
  await settled();
  expectWithin(`F3: ${step} to settled`, performance.now() - startedAt, LIMIT_MS);
  // The command that was cut off asks for its build until paasd answers again.
  const said = await deployed;
  expect(await faultsNow(), 'what had settled stays so').toEqual([]);
  return said;
}

/** Waits until the deploy has come to an end either way and all is as it must be. */
async function settled(): Promise<void> {
  let found: string[] = [];
  const isSettled = async () => {
    found = await faultsNow();
    // Looking costs the machine more than waiting.
    if (found.length > 0) await new Promise((resolve) => setTimeout(resolve, 200));
    return found.length === 0;
  };
  await eventually('all has settled', isSettled, GIVE_UP_MS).catch(() => {
    throw new Error(`after ${GIVE_UP_MS} ms: ${found.join('; ')}\n${paas.daemonLog().slice(-3000)}`);
  });
}

async function faultsNow(): Promise<string[]> {
  const faults = await deployFaults();
  return faults.length > 0 ? faults : await findBreaches(paas, history);
}

async function listReleases(): Promise<{ version: number; status: string; current: boolean }[]> {
  const { body } = await paas.owner.api('GET', `/apps/${APP}/releases`);
  return body as { version: number; status: string; current: boolean }[];
}

async function deployFaults(): Promise<string[]> {
  const faults = await findLeftovers(paas);
  const builds = (await paas.owner.api('GET', `/apps/${APP}/builds`)).body as {
    id: string;
    status: string;
    error: string | null;
  }[];
  const releases = await listReleases();
  const versions = releases.map(({ version }) => version).sort((a, b) => a - b);
  if (versions.some((version, index) => version !== index + 1)) faults.push(`releases ${versions.join(' ')}`);
  faults.push(
    ...releases
      .filter(({ status }) => status !== 'succeeded')
      .map((r) => `release v${r.version} ${r.status}`),
  );
  for (const { id, status, error } of builds) {
    if (status === 'succeeded' || (status !== 'pending' && error !== null)) continue;
    faults.push(`build ${id} is ${status}, error ${error}`);
  }
  const current = releases.find((release) => release.current)?.version;
  const dynos = await runningDynos();
  if (dynos !== `${current} web.1`) faults.push(`v${current} is current, there runs: ${dynos}`);
  const wanted = `version ${releases.length > releasesBefore ? round : round - 1}\n`;
  const text = await answer();
  if (text !== wanted) faults.push(`the app answers ${JSON.stringify(text)}, not ${JSON.stringify(wanted)}`);
  return faults;
}

async function runningDynos(): Promise<string> {
  const dynos = (await listContainers(paas)).filter(
    ({ labels, state }) => labels[LABEL.role] === 'dyno' && state === 'running',
  );
  return dynos
    .map(({ labels }) => `${labels[LABEL.release]} ${labels[LABEL.type]}.${labels[LABEL.number]}`)
    .join('\n');
}

async function answer(): Promise<string> {
  return (await paas.http(APP)).body;
}

/** A client with a kept connection and one without; `stop` says what went wrong. */
function visit(): { stop(): Promise<string[]> } {
  const failures: string[] = [];
  let isOver = false;
  const clients = [true, false].map(async (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!isOver) {
      const result = await getOnce(agent);
      if (!/^200 version \d+\n$/.test(result))
        failures.push(`${new Date().toISOString()} round ${round}: ${result}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    agent.destroy();
  });
  return {
    async stop() {
      isOver = true;
      await Promise.all(clients);
      return failures;
    },
  };
}

async function getOnce(agent: Agent): Promise<string> {
  return await new Promise((resolve) => {
    const headers = { host: `${APP}.localhost:${paas.httpPort}` };
    const get = request({ host: paas.address, port: paas.httpPort, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        text += chunk;
      });
      response.once('error', (error) => resolve(`in the body: ${error.message}`));
      response.once('end', () => resolve(`${response.statusCode} ${text}`));
    });
    get.once('error', (error) => resolve(error.message));
    get.end();
  });
}
