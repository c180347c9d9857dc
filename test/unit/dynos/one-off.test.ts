import { expect, it } from 'vitest';
import { createOneOffs, type OneOffDeps } from '../../../src/dynos/one-off.js';
import { LABEL } from '../../../src/engine/container-spec.js';
import { createLogger } from '../../../src/log.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

it('counts one-off dynos that are asked for at the same time', async () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  deploy(test.db, { app, by, digit: 'a', processTypes: { web: 'node server.js' } });
  const made: { labels: Record<string, string> }[] = [];
  // Each call answers a turn later, as an engine's do.
  const engine = {
    listContainers: async () => [...made],
    inspectImage: async () => ({ id: 'sha256:a', labels: {}, cmd: [], user: '' }),
    createContainer: async (spec: { labels: Record<string, string> }) => {
      await Promise.resolve();
      return `c${made.push({ labels: spec.labels })}`;
    },
  } as unknown as OneOffDeps['engine'];
  let number = 1000;
  const oneOffs = createOneOffs({
    db: test.db,
    engine,
    seen: { oneOffsOf: async () => [] },
    dynoLog: { attach: async () => undefined, platform: () => undefined },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    settings: { instance: 'test', network: 'none', pidsLimit: 256 },
    newSuffix: () => '0'.repeat(12),
    // Chance gives each number twice.
    newRunNumber: () => Math.floor(number++ / 2) + 500,
    signal: new AbortController().signal,
  });
  const ask = () => oneOffs.create({ app, command: 'true', env: {}, tty: false, attach: false });
  const outcomes = await Promise.allSettled(Array.from({ length: 30 }, ask));
  expect(outcomes.slice(0, 20).map(({ status }) => status)).toEqual(Array(20).fill('fulfilled'));
  const refused = outcomes.slice(20).map((outcome) => outcome.status === 'rejected' && outcome.reason.id);
  expect(refused).toEqual(Array(10).fill('rate_limit'));
  expect(new Set(made.map(({ labels }) => labels[LABEL.number])).size).toBe(20);
  await expect(ask()).rejects.toMatchObject({ id: 'rate_limit' });
  made.pop();
  await ask();
});
