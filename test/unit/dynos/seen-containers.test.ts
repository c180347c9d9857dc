import { describe, expect, it } from 'vitest';
import { createSeenContainers } from '../../../src/dynos/seen-containers.js';
import type { Container } from '../../../src/engine/engine.js';
import type { AppId } from '../../../src/ids.js';

const ANT = 'ant' as AppId;
const BEE = 'bee' as AppId;

const container = (app: AppId, role: string, id: string) =>
  ({ id, labels: { 'paas.app': app, 'paas.role': role } }) as unknown as Container;

/** An engine whose next answers are given one by one. */
function lab(patienceMs = 60_000) {
  let clock = 1000;
  const waiting: { answer: (rows: Container[]) => void; fail: () => void }[] = [];
  const seen = createSeenContainers({
    engine: {
      listContainers: () =>
        new Promise((answer, reject) => {
          waiting.push({ answer, fail: () => reject(new Error('connect ECONNREFUSED')) });
        }),
    },
    now: () => clock,
    patienceMs,
  });
  const next = () => {
    const call = waiting.shift();
    if (call === undefined) throw new Error('the engine was not asked');
    return call;
  };
  const answer = async (rows: Container[], options?: { app?: string }) => {
    const listed = seen.listContainers(options);
    next().answer(rows);
    await listed;
  };
  const fail = async () => {
    const listed = seen.listContainers();
    next().fail();
    await expect(listed).rejects.toThrow('ECONNREFUSED');
  };
  const at = (ms: number) => {
    clock = ms;
  };
  return { seen, next, answer, fail, at, asked: () => waiting.length };
}

describe('an engine that is away', () => {
  it('is silent since it answered last, until it answers', async () => {
    const { seen, answer, fail, at } = lab();
    at(2000);
    await answer([]);
    expect(seen.silentSince()).toBeUndefined();
    at(3000);
    await fail();
    await fail();
    expect(seen.silentSince()).toBe(2000);
    await answer([]);
    expect(seen.silentSince()).toBeUndefined();
  });

  it('is silent since the start when it never answered', async () => {
    const { seen, fail, at } = lab();
    at(5000);
    await fail();
    expect(seen.silentSince()).toBe(1000);
  });

  it('is not asked for the one-off dynos that it showed last', async () => {
    const { seen, answer, fail, asked } = lab();
    await answer([
      container(ANT, 'one-off', 'a'),
      container(ANT, 'dyno', 'b'),
      container(BEE, 'one-off', 'c'),
    ]);
    await answer([container(BEE, 'one-off', 'd')], { app: BEE });
    await fail();
    expect((await seen.oneOffsOf(ANT)).map(({ id }) => id)).toEqual(['a']);
    expect((await seen.oneOffsOf(BEE)).map(({ id }) => id)).toEqual(['d']);
    expect(asked()).toBe(0);
  });

  it('shows what it showed last to who hears of it first', async () => {
    const { seen, answer, next } = lab();
    await answer([container(ANT, 'one-off', 'a')]);
    const shown = seen.oneOffsOf(ANT);
    next().fail();
    expect((await shown).map(({ id }) => id)).toEqual(['a']);
    expect(seen.silentSince()).toBe(1000);
  });

  it('is waited for only so long when it takes calls and does not answer', async () => {
    const { seen, answer, next } = lab(20);
    await answer([container(ANT, 'one-off', 'a')]);
    expect((await seen.oneOffsOf(ANT)).map(({ id }) => id)).toEqual(['a']);
    expect(seen.silentSince()).toBe(1000);
    next().answer([]);
    await Promise.resolve();
    await Promise.resolve();
    expect(seen.silentSince()).toBeUndefined();
  });

  it('is not silent when an older call fails after a newer one was answered', async () => {
    const { seen, answer, next } = lab();
    const older = seen.listContainers();
    const { fail } = next();
    await new Promise((resolve) => setTimeout(resolve, 2));
    await answer([]);
    fail();
    await expect(older).rejects.toThrow();
    expect(seen.silentSince()).toBeUndefined();
  });
});
