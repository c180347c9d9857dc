import { expect, it } from 'vitest';
import { parseDynoTarget } from '../../../src/cli/dyno-target.js';
import { explainNoLines } from '../../../src/cli/no-lines.js';

const formation = [
  { type: 'web', quantity: 2 },
  { type: 'worker', quantity: 0 },
];
const dynos = ['web.1', 'web.2', 'run.7'].map((name) => ({ name }));

function explain(typed: string | undefined, has = { formation, dynos }): string | undefined {
  const target = parseDynoTarget({ argument: typed, dyno: undefined, type: undefined });
  return explainNoLines({ app: 'shop', target, ...has });
}

it.each([
  ['wbe.1', 'No lines: shop has no process type "wbe". It has: web, worker. Did you mean web.1?'],
  ['wrker', 'No lines: shop has no process type "wrker". It has: web, worker. Did you mean worker?'],
  ['rooter', 'No lines: shop has no process type "rooter". It has: web, worker. Did you mean router?'],
  ['x', 'No lines: shop has no process type "x". It has: web, worker.'],
  ['web.3', 'No lines: shop has no dyno web.3 now. It has: web.1, web.2.'],
  ['worker.1', 'No lines: shop has no dyno worker.1 now. No worker dyno runs.'],
  ['worker', 'No lines: worker is scaled to 0 on shop.'],
  ['run.12', 'No lines: shop has no dyno run.12 now. It has: run.7.'],
])('%s has no lines for a reason', (typed, says) => {
  expect(explain(typed)).toBe(says);
});

it.each([[undefined], ['web'], ['web.1'], ['run.7'], ['run'], ['release.3'], ['router'], ['api'], ['build']])(
  '%s merely said nothing',
  (typed) => {
    expect(explain(typed)).toBeUndefined();
  },
);

it('an app without code has no process types', () => {
  expect(explain('web.1', { formation: [], dynos: [] })).toBe(
    'No lines: shop has no process type "web". It has none yet: deploy first.',
  );
});
