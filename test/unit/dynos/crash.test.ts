import { expect, it } from 'vitest';
import { type Crash, tellCrash } from '../../../src/dynos/crash.js';
import { createLogger } from '../../../src/log.js';
import { listCrashes } from '../../../src/platform/dyno-wishes.js';
import { listIncidents } from '../../../src/platform/incidents.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

const PROVEN = {
  type: 'web',
  number: 1,
  releaseVersion: 2,
  isCurrent: true,
  wasProven: true,
  kind: 'crashed',
  reason: 'Process exited with status 1',
} satisfies Partial<Crash>;

it('tells the end of a dyno that had run well once, however often its clean-up is repeated', () => {
  using test = openTestDatabase();
  const { app } = addApp(test.db);
  const lines: string[] = [];
  const deps = {
    db: test.db,
    dynoLog: {
      attach: async () => undefined,
      platform: (_app: string, _dyno: string, text: string) => void lines.push(text),
    },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    settings: { coolOffMs: 1000 },
  };
  const tell = (containerId: string, wasProven: boolean) =>
    tellCrash(deps, { ...PROVEN, appId: app.id, containerId, wasProven }, ['ended']);
  const counts = () => listCrashes(test.db, app.id).map(({ count }) => count);

  expect(tell('c1', false)).toBe('counted');
  expect(tell('c2', false)).toBe('counted');
  expect(counts()).toEqual([2]);
  lines.length = 0;
  // It ran for long: the two before it are forgotten.
  expect(tell('c3', true)).toBe('counted');
  expect(counts()).toEqual([1]);
  expect(tell('c3', true)).toBe('known');
  expect(counts()).toEqual([1]);
  expect(lines).toEqual(['ended']);
  expect(listIncidents(test.db, app.id, { limit: 10 })).toHaveLength(3);
});
