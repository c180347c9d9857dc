// Whose turn it is among pushes to one repository.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPushTurns, type PushTurn } from '../../../src/git/push-turns.js';

const GAP = 250;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Pushes that come one after the other, and in `said` what each was told. */
function crowd(count: number, repository = 'one.git') {
  const { of: turnOf, expect: comes } = createPushTurns();
  const turns = Array.from({ length: count }, () => turnOf(repository));
  const said: string[] = [];
  const wait = async (index: number, wanted: { commit: string; ref: string } | undefined) => {
    const moot = await turns[index]?.wait(wanted);
    said.push(moot === undefined ? `${index} goes` : `${index} is moot by ${moot}`);
  };
  const told = async (afterMs = 0) => {
    await vi.advanceTimersByTimeAsync(afterMs);
    return said.splice(0);
  };
  return {
    turnOf,
    comes: () => comes(repository),
    turns: turns as readonly PushTurn[],
    told,
    wait: (index: number) => void wait(index, { commit: `c${index}`, ref: 'refs/heads/main' }),
    waitForTags: (index: number) => void wait(index, undefined),
    /** The returned function ends the build. */
    queue(index: number, followed: readonly string[] = []) {
      let end: () => void = () => undefined;
      const done = new Promise<void>((resolve) => {
        end = resolve;
      });
      const isFollowed = ({ commit }: { commit: string }) => followed.includes(commit);
      turns[index]?.queued({ id: `build-${index}`, done, isFollowed });
      return end;
    },
  };
}

test('after the first the newest goes, and makes the others moot when its build is queued', async () => {
  const { wait, told, turns, queue } = crowd(7);
  for (const index of [0, 1, 2, 3, 4, 5]) wait(index);
  expect(await told()).toEqual(['0 goes']);
  queue(0);
  expect(await told(GAP - 1)).toEqual([]);
  expect(await told(1)).toEqual(['5 goes']);
  queue(5);
  expect(await told()).toEqual([1, 2, 3, 4].map((index) => `${index} is moot by build-5`));
  wait(6);
  expect(await told(GAP)).toEqual(['6 goes']);
  for (const turn of turns) turn.end();
});

test('two are with git at once, and nobody waits longer than a second for them', async () => {
  const { wait, told } = crowd(4);
  for (const index of [0, 1, 2, 3]) wait(index);
  expect(await told(GAP)).toEqual(['0 goes', '3 goes']);
  expect(await told(999 - GAP)).toEqual([]);
  expect(await told(1)).toEqual(['2 goes']);
  expect(await told(GAP)).toEqual(['1 goes']);
});

test('one that git refuses makes nobody moot', async () => {
  const { wait, told, turns } = crowd(3);
  for (const index of [0, 1, 2]) wait(index);
  expect(await told(GAP)).toEqual(['0 goes', '2 goes']);
  turns[2]?.end();
  turns[2]?.end();
  expect(await told(GAP)).toEqual(['1 goes']);
});

test('an older one whose head comes late is moot while the newer build goes on, and only then', async () => {
  const { wait, told, queue } = crowd(3);
  const end = queue(2);
  wait(0);
  expect(await told()).toEqual(['0 is moot by build-2']);
  end();
  await told();
  wait(1);
  expect(await told()).toEqual(['1 goes']);
});

test('one of the same commit, which follows that build, is let in', async () => {
  const { wait, told, queue } = crowd(2);
  queue(1, ['c0']);
  wait(0);
  expect(await told()).toEqual(['0 goes']);
});

test('tags go first, and are never moot', async () => {
  const { wait, waitForTags, told, queue } = crowd(4);
  wait(0);
  waitForTags(1);
  wait(2);
  expect(await told()).toEqual(['0 goes']);
  queue(3);
  expect(await told()).toEqual(['2 is moot by build-3']);
  expect(await told(GAP)).toEqual(['1 goes']);
});

test('one whose client has gone takes nobody’s turn', async () => {
  const { wait, told, turns } = crowd(4);
  for (const index of [0, 1, 2]) wait(index);
  expect(await told()).toEqual(['0 goes']);
  turns[2]?.end();
  expect(await told()).toEqual(['2 goes']);
  turns[3]?.end();
  wait(3);
  expect(await told()).toEqual(['3 goes']);
  expect(await told(GAP)).toEqual(['1 goes']);
});

test('a build waits until the line is calm', async () => {
  const { wait, told, turns, queue } = crowd(3);
  wait(0);
  expect(turns[0]?.calm()).toBeUndefined();
  wait(1);
  await told();
  const calm = turns[0]?.calm()?.then(() => 'calm');
  queue(0);
  expect(await told(GAP)).toEqual(['1 goes']);
  wait(2);
  expect(await Promise.race([calm, Promise.resolve('busy')])).toBe('busy');
  expect(await told(GAP)).toEqual(['2 goes']);
  turns[1]?.end();
  turns[2]?.end();
  expect(await calm).toBe('calm');
});

test('a build waits for pushes that come, and not for those that do not', async () => {
  const { comes, wait, told, turns } = crowd(2);
  comes();
  wait(0);
  await told();
  expect(turns[0]?.calm()).toBeUndefined();
  comes();
  comes();
  let isCalm = false;
  void turns[0]?.calm()?.then(() => {
    isCalm = true;
  });
  turns[0]?.end();
  wait(1);
  expect(await told(GAP)).toEqual(['1 goes']);
  turns[1]?.end();
  await told(999 - GAP);
  expect(isCalm).toBe(false);
  await told(1);
  expect(isCalm).toBe(true);
});

test('a build does not wait for ever while pushes come and come', async () => {
  const { turnOf, told } = crowd(0);
  const first = turnOf('one.git');
  void first.wait({ commit: 'c', ref: 'refs/heads/main' });
  const begun = performance.now();
  let calmAfter: number | undefined;
  void turnOf('one.git').wait({ commit: 'd', ref: 'refs/heads/main' });
  void first.calm()?.then(() => {
    calmAfter = performance.now() - begun;
  });
  for (let times = 0; times < 30; times += 1) {
    void turnOf('one.git').wait({ commit: `e${times}`, ref: 'refs/heads/main' });
    await told(GAP);
  }
  expect(calmAfter).toBe(4000);
  expect(first.calm()).toBeUndefined();
});

test('repositories do not wait for each other', async () => {
  const { turnOf, wait, told } = crowd(3);
  for (const index of [0, 1, 2]) wait(index);
  expect(await told()).toEqual(['0 goes']);
  await expect(turnOf('two.git').wait({ commit: 'c', ref: 'refs/heads/main' })).resolves.toBeUndefined();
});
