import { describe, expect, it } from 'vitest';
import { createBootPlaces, untilIdle } from '../../../src/dynos/boot-places.js';
import type { AppId } from '../../../src/ids.js';

/** Asks for places in this order, and gives those that are held: app by letter, in the order of entering. */
function queue(limit: number) {
  const places = createBootPlaces(limit);
  const { signal } = new AbortController();
  const held: { app: string; leave: () => void }[] = [];
  return {
    async take(apps: string) {
      for (const app of apps)
        void places.take(app as AppId, signal).then((leave) => held.push({ app, leave }));
      await settled();
      return names();
    },
    async leave(app: string) {
      const [index] = [...held.keys()].filter((each) => held[each]?.app === app);
      const [gone] = held.splice(index ?? 0, 1);
      gone?.leave();
      gone?.leave();
      await settled();
      return names();
    },
  };
  function names() {
    return held.map(({ app }) => app).join('');
  }
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 5; turn += 1) await Promise.resolve();
}

describe('places to boot', () => {
  it('are bounded, for one app and for many', async () => {
    expect(await queue(3).take('aaaaa')).toBe('aaa');
    expect(await queue(3).take('abcde')).toBe('abc');
  });

  it('are given to the first boot of an app, however many another has', async () => {
    const boots = queue(3);
    expect(await boots.take('aaaaab')).toBe('aaab');
    expect(await boots.take('c')).toBe('aaabc');
    expect(await boots.take('bcd')).toBe('aaabc');
  });

  it('go to the app with the fewest, and among equals to the first, when one is given back', async () => {
    const boots = queue(3);
    expect(await boots.take('aaaaabb')).toBe('aaab');
    expect(await boots.leave('a')).toBe('aab');
    expect(await boots.leave('a')).toBe('aba');
    expect(await boots.leave('a')).toBe('baa');
    expect(await boots.leave('b')).toBe('aab');
  });

  it('are not waited for any longer once nobody wants them', async () => {
    const places = createBootPlaces(1);
    const { signal } = new AbortController();
    const leave = await places.take('a' as AppId, signal);
    const moot = new AbortController();
    const dropped = places.take('a' as AppId, moot.signal);
    const next = places.take('a' as AppId, signal);
    moot.abort(new Error('not wanted'));
    await expect(dropped).rejects.toThrow('not wanted');
    await expect(places.take('a' as AppId, AbortSignal.abort(new Error('never')))).rejects.toThrow('never');
    leave();
    const last = await next;
    moot.abort();
    last();
    (await places.take('a' as AppId, signal))();
  });

  it('are given back once', async () => {
    const boots = queue(1);
    expect(await boots.take('aaa')).toBe('a');
    expect(await boots.leave('a')).toBe('a');
    expect(await boots.leave('a')).toBe('a');
    expect(await boots.leave('a')).toBe('');
  });
});

describe('a booting dyno', () => {
  it('is idle when it used next to no CPU for a second', async () => {
    const seen = [3, 3.01];
    const asked: string[] = [];
    const readCpuSeconds = (containerId: string) => {
      asked.push(containerId);
      return Promise.resolve(seen.shift());
    };
    await untilIdle('c1', { readCpuSeconds, signal: AbortSignal.timeout(30_000) });
    expect(asked).toEqual(['c1', 'c1']);
  });

  it('is not idle while it works', async () => {
    let used = 0;
    const readCpuSeconds = () => {
      used += 0.5;
      return Promise.resolve(used);
    };
    const signal = AbortSignal.timeout(1200);
    await expect(untilIdle('c1', { readCpuSeconds, signal })).rejects.toThrow();
  });
});
