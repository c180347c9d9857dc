// Whose turn it is among pushes to one repository.

import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { createPushTurns, type PushTurn } from '../../../src/git/push-turns.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** Pushes that come one after the other, and in `said` what each was told. */
function crowd(count: number, repository = 'one.git') {
  const turnOf = createPushTurns();
  const turns = Array.from({ length: count }, () => turnOf(repository));
  const said: string[] = [];
  const wait = async (index: number, wanted: { commit: string; ref: string } | undefined) => {
    const moot = await turns[index]?.wait(wanted);
    said.push(moot === undefined ? `${index} goes` : `${index} is moot by ${moot}`);
  };
  const told = async () => {
    await vi.advanceTimersByTimeAsync(0);
    return said.splice(0);
  };
  return {
    turnOf,
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

test('two are with git at once; then the newest goes, and makes the others moot when its build is queued', async () => {
  const { wait, told, turns, queue } = crowd(7);
  for (const index of [0, 1, 2, 3, 4, 5]) wait(index);
  expect(await told()).toEqual(['0 goes', '1 goes']);
  queue(0);
  expect(await told()).toEqual(['5 goes']);
  queue(5);
  expect(await told()).toEqual(['2 is moot by build-5', '3 is moot by build-5', '4 is moot by build-5']);
  wait(6);
  expect(await told()).toEqual(['6 goes']);
  for (const turn of turns) turn.end();
});

test('one that git refuses makes nobody moot', async () => {
  const { wait, told, turns } = crowd(4);
  for (const index of [0, 1, 2, 3]) wait(index);
  expect(await told()).toEqual(['0 goes', '1 goes']);
  turns[0]?.end();
  turns[0]?.end();
  expect(await told()).toEqual(['3 goes']);
  turns[3]?.end();
  expect(await told()).toEqual(['2 goes']);
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
  const { wait, waitForTags, told, queue } = crowd(5);
  wait(0);
  wait(1);
  wait(3);
  waitForTags(2);
  expect(await told()).toEqual(['0 goes', '1 goes']);
  queue(1);
  expect(await told()).toEqual(['2 goes']);
  queue(4);
  expect(await told()).toEqual(['3 is moot by build-4']);
});

test('nobody waits longer than a second for one with git', async () => {
  const { wait, told } = crowd(4);
  for (const index of [0, 1, 2, 3]) wait(index);
  expect(await told()).toEqual(['0 goes', '1 goes']);
  await vi.advanceTimersByTimeAsync(999);
  expect(await told()).toEqual([]);
  await vi.advanceTimersByTimeAsync(1);
  expect(await told()).toEqual(['3 goes', '2 goes']);
});

test('one whose client has gone takes nobody’s turn', async () => {
  const { wait, told, turns } = crowd(5);
  for (const index of [0, 1, 2, 3]) wait(index);
  await told();
  turns[3]?.end();
  expect(await told()).toEqual(['3 goes']);
  turns[4]?.end();
  wait(4);
  expect(await told()).toEqual(['4 goes']);
  turns[0]?.end();
  expect(await told()).toEqual(['2 goes']);
});

test('repositories do not wait for each other', async () => {
  const { turnOf, wait, told } = crowd(3);
  for (const index of [0, 1, 2]) wait(index);
  expect(await told()).toEqual(['0 goes', '1 goes']);
  await expect(turnOf('two.git').wait({ commit: 'c', ref: 'refs/heads/main' })).resolves.toBeUndefined();
});
