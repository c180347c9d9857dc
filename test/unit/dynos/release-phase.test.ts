import { expect, it, vi } from 'vitest';
import { createReleasePhases, type ReleasePhaseDeps } from '../../../src/dynos/release-phase.js';
import { LABEL } from '../../../src/engine/container-spec.js';
import { EngineFailedError } from '../../../src/engine/docker-errors.js';
import type { Container } from '../../../src/engine/engine.js';
import { PaasError } from '../../../src/errors.js';
import { createLogger } from '../../../src/log.js';
import { getRelease } from '../../../src/platform/releases.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const failing = (error: Error) => async () => {
  throw error;
};

/** Phases of a pending release, with an engine that does what `calls` say and nothing else. */
function phasesWith(
  test: ReturnType<typeof openTestDatabase>,
  calls: Partial<ReleasePhaseDeps['engine']>,
  retryMs = 60_000,
) {
  const release = deploy(test.db, { ...addApp(test.db), digit: 'a', processTypes: { release: 'migrate' } });
  const stopping = new AbortController();
  const seen = { ends: 0 };
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const unused = failing(new Error('not expected'));
  const engine: ReleasePhaseDeps['engine'] = {
    attach: unused,
    readLogs: async function* () {},
    createContainer: unused,
    removeContainer: unused,
    signalContainer: unused,
    startContainer: unused,
    waitContainer: unused,
    inspectImage: unused,
    ...calls,
  };
  const phases = createReleasePhases({
    db: test.db,
    engine,
    dynoLog: { attach: unused, platform: () => undefined },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    settings: { instance: 'test', network: 'none', pidsLimit: 256, releaseTimeoutMs: 60_000 },
    newSuffix: () => '0'.repeat(12),
    newRunNumber: () => 1000,
    signal: stopping.signal,
    retryMs,
    lastWaitMs: 50,
    onEnd: () => {
      seen.ends++;
      end();
    },
  });
  const labels = { [LABEL.role]: 'release-phase', [LABEL.app]: release.appId, [LABEL.release]: '2' };
  const container = { id: 'c1', state: 'exited', labels, createdAt: test.db.now() } as unknown as Container;
  return { release, phases, stopping, seen, ended, container };
}

it.each([
  ['whose image is gone', new PaasError('not_found', 'No such image.'), /image of v2 is gone/],
  ['that the engine refuses', new PaasError('invalid_params', 'The image has no such user.'), /no such user/],
])('fails a release %s, and says so', async (_, error, output) => {
  using test = openTestDatabase();
  const { release, phases, ended } = phasesWith(test, { inspectImage: failing(error) });
  phases.review(release.appId, []);
  await ended;
  const after = getRelease(test.db, release.id);
  expect(after).toMatchObject({ status: 'failed', output: expect.stringMatching(output) });
});

it.each([
  ['is away', new PaasError('service_unavailable', 'The engine is away.')],
  ['has failed once', new EngineFailedError('service_unavailable', 'The engine failed.')],
])('waits before it tries again when the engine %s', async (_, error) => {
  using test = openTestDatabase();
  let inspections = 0;
  const { release, phases, stopping, seen, ended } = phasesWith(test, {
    inspectImage: async () => {
      inspections++;
      throw error;
    },
  });
  phases.review(release.appId, []);
  for await (const text of phases.output(release.id, stopping.signal) ?? []) expect(text).toBe('');
  phases.review(release.appId, []);
  expect({ ...seen, inspections }).toEqual({ ends: 0, inspections: 1 });
  stopping.abort();
  await ended;
  expect(getRelease(test.db, release.id)?.status).toBe('pending');
});

it('fails a release at which the engine fails again and again', async () => {
  using test = openTestDatabase();
  const error = new EngineFailedError('service_unavailable', 'The engine failed.');
  const { release, phases, seen } = phasesWith(test, { inspectImage: failing(error) }, 1);
  while (getRelease(test.db, release.id)?.status === 'pending') {
    const before = seen.ends;
    phases.review(release.appId, []);
    await vi.waitUntil(() => seen.ends > before, { interval: 1 });
  }
  expect(seen.ends).toBe(3);
  expect(getRelease(test.db, release.id)?.output).toBe(
    'The release command could not run: The engine failed.\n',
  );
});

it('keeps the container until its end is recorded, so that no daemon runs the command twice', async () => {
  using test = openTestDatabase();
  const removed: string[] = [];
  const { release, phases, ended, container } = phasesWith(test, {
    waitContainer: async () => ({ exitCode: 0 }),
    removeContainer: async (id) => {
      removed.push(`${id} of a release that ${getRelease(test.db, release.id)?.status}`);
    },
  });
  phases.review(release.appId, [container]);
  await ended;
  expect(getRelease(test.db, release.id)?.status).toBe('succeeded');
  expect(removed).toEqual([]);
  phases.review(release.appId, [container]);
  expect(removed).toEqual(['c1 of a release that succeeded']);
});

it('fails a release whose command does not end, even when it was killed, or whose output does not', async () => {
  using test = openTestDatabase();
  const never = () => new Promise<never>(() => undefined);
  const killed: string[] = [];
  const { release, phases, ended, container } = phasesWith(test, {
    waitContainer: (_, { signal }) =>
      new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    signalContainer: async (id, signal) => void killed.push(`${signal} to ${id}`),
    readLogs: () => ({ [Symbol.asyncIterator]: () => ({ next: never }) }),
  });
  phases.review(release.appId, [{ ...container, createdAt: test.db.now() - 120_000 }]);
  await ended;
  expect(killed).toEqual(['SIGKILL to c1']);
  const output = expect.stringContaining('was killed: it ran longer than 60 seconds');
  expect(getRelease(test.db, release.id)).toMatchObject({ status: 'failed', output });
});
