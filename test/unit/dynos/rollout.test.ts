import { expect, it } from 'vitest';
import { followRollout } from '../../../src/dynos/rollout.js';
import { createTranscript } from '../../../src/dynos/transcript.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

it('is left at once while a release command says nothing, by whoever cancels or stops the daemon', async () => {
  using test = openTestDatabase();
  const release = deploy(test.db, { ...addApp(test.db), digit: 'a', processTypes: { release: 'migrate' } });
  const transcript = createTranscript(1000);
  transcript.write('migrating\n');
  const passed = async () => undefined;
  const leaving = new AbortController();
  const steps = followRollout(
    {
      db: test.db,
      nextPass: passed,
      whenPassed: passed,
      whenWentBack: passed,
      stateOf: () => {
        throw new Error('not reached');
      },
      phases: { output: (_, signal) => transcript.read(signal), exitCode: () => undefined },
    },
    release,
    leaving.signal,
  );
  expect(await steps.next()).toEqual({ done: false, value: 'migrating\n' });
  const next = steps.next();
  leaving.abort(new Error('the daemon stops'));
  await expect(next).rejects.toThrow('the daemon stops');
});
