import { expect, it } from 'vitest';
import { createReleasePhases, type ReleasePhaseDeps } from '../../../src/dynos/release-phase.js';
import { PaasError } from '../../../src/errors.js';
import { createLogger } from '../../../src/log.js';
import { getRelease } from '../../../src/platform/releases.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

/** Phases of a pending release, with an engine that answers every question for an image with `error`. */
function phasesWith(test: ReturnType<typeof openTestDatabase>, error: Error) {
  const release = deploy(test.db, { ...addApp(test.db), digit: 'a', processTypes: { release: 'migrate' } });
  const stopping = new AbortController();
  const seen = { inspections: 0, ends: 0 };
  let end = () => {};
  const ended = new Promise<void>((resolve) => {
    end = resolve;
  });
  const unused = async () => {
    throw new Error('nothing of this is called without an image');
  };
  const engine: ReleasePhaseDeps['engine'] = {
    attach: unused,
    readLogs: () => {
      throw new Error('not called');
    },
    createContainer: unused,
    inspectContainer: unused,
    removeContainer: unused,
    startContainer: unused,
    waitContainer: unused,
    inspectImage: async () => {
      seen.inspections++;
      throw error;
    },
  };
  const phases = createReleasePhases({
    db: test.db,
    engine,
    dynoLog: { attach: unused, platform: () => undefined },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    settings: { instance: 'test', network: 'none' },
    newSuffix: () => '0'.repeat(12),
    newRunNumber: () => 1000,
    signal: stopping.signal,
    onEnd: () => {
      seen.ends++;
      end();
    },
  });
  return { release, phases, stopping, seen, ended };
}

it('fails a release whose image is gone, and says so', async () => {
  using test = openTestDatabase();
  const { release, phases, ended } = phasesWith(test, new PaasError('not_found', 'No such image.'));
  phases.ensure(release, []);
  await ended;
  const after = getRelease(test.db, release.id);
  expect(after).toMatchObject({ status: 'failed', output: expect.stringMatching(/image of v2 is gone/) });
});

it('waits before it tries again when the engine is away', async () => {
  using test = openTestDatabase();
  const away = new PaasError('service_unavailable', 'The engine is away.');
  const { release, phases, stopping, seen, ended } = phasesWith(test, away);
  phases.ensure(release, []);
  for await (const text of phases.output(release.id) ?? []) expect(text).toBe('');
  phases.ensure(release, []);
  expect(seen).toEqual({ inspections: 1, ends: 0 });
  stopping.abort();
  await ended;
  expect(getRelease(test.db, release.id)?.status).toBe('pending');
});
