import { expect, it } from 'vitest';
import { BuildQueue, type Turn, type Wait } from '../../../src/build/queue.js';

function entering(queue: BuildQueue, appId: string) {
  const waits: string[] = [];
  const cancel = new AbortController();
  const onWait = (wait: Wait) => waits.push(`${wait.reason} ${wait.place}`);
  let turn: Turn | undefined;
  const entered = queue.enter({ appId, onWait, signal: cancel.signal }).then((got) => {
    turn = got;
  });
  return {
    waits,
    cancel,
    entered,
    hasTurn: () => turn !== undefined,
    release: () => turn?.release(),
    releaseSlot: () => turn?.releaseSlot(),
  };
}

it('lets one build per app in at a time, first come first served, and tells places', async () => {
  const queue = new BuildQueue({ concurrency: 2 });
  const [a1, a2, a3, b1, c1] = ['a', 'a', 'a', 'b', 'c'].map((app) => entering(queue, app));
  await Promise.all([a1?.entered, b1?.entered]);
  expect([a1, a2, a3, b1, c1].map((build) => build?.hasTurn())).toEqual([true, false, false, true, false]);
  expect([a2?.waits, a3?.waits, c1?.waits]).toEqual([['same-app 1'], ['same-app 2'], ['all-slots 3']]);
  a1?.release();
  a1?.release();
  await a2?.entered;
  expect([a3?.waits, c1?.waits]).toEqual([
    ['same-app 2', 'same-app 1'],
    ['all-slots 3', 'all-slots 2'],
  ]);
  b1?.release();
  await c1?.entered;
  a2?.release();
  await a3?.entered;
});

it('forgets a build that is canceled while it waits, and moves the others up', async () => {
  const queue = new BuildQueue({ concurrency: 1 });
  const first = entering(queue, 'a');
  const second = entering(queue, 'a');
  const third = entering(queue, 'a');
  await first.entered;
  second.cancel.abort(new Error('canceled'));
  await expect(second.entered).rejects.toThrow('canceled');
  expect(third.waits).toEqual(['same-app 2', 'same-app 1']);
  first.release();
  await third.entered;
  const late = entering(queue, 'b');
  late.cancel.abort(new Error('gone'));
  await expect(late.entered).rejects.toThrow('gone');
});

it('lets others build, but not its own app, while a build is past its slot', async () => {
  const queue = new BuildQueue({ concurrency: 1 });
  const [a1, a2, b1] = ['a', 'a', 'b'].map((app) => entering(queue, app));
  await a1?.entered;
  a1?.releaseSlot();
  await b1?.entered;
  b1?.release();
  expect(a2?.hasTurn()).toBe(false);
  a1?.release();
  await a2?.entered;
  a1?.release();
  expect(a2?.hasTurn()).toBe(true);
});
