import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/log.js';
import { createBuildGuard, endingMark, fallOf, isRunningOut } from '../../../src/upkeep/build-guard.js';
import type { FileSystem } from '../../../src/upkeep/disk-space.js';

const MB = 1024 ** 2;
const log = createLogger({ level: 'silent', isTty: false, name: 'test' });

describe('isRunningOut', () => {
  it.each([
    ['plenty, whatever the speed', 2001, 3000, false],
    ['below the floor, slowly', 1500, 100, false],
    ['below the floor, full in a second', 1500, 1500, true],
    ['below the floor, space comes back', 1500, -1500, false],
    ['above the mark', 1000, 0, false],
    ['below the mark', 999, 0, true],
    ['below the mark, space comes back', 999, -500, true],
  ])('%s', (_what, freeMb, fallMb, expected) => {
    const system = { freeBytes: freeMb * MB, floorBytes: 2000 * MB };
    expect(isRunningOut(system, fallMb * MB)).toBe(expected);
  });

  it('never ends a build where there is no floor', () => {
    expect(endingMark(0)).toBe(0);
    expect(isRunningOut({ freeBytes: 0, floorBytes: 0 }, MB)).toBe(false);
  });
});

describe('fallOf', () => {
  it.each([
    [[], 0],
    [[[0, 100]], 0],
    [
      [
        [0, 100],
        [250, 90],
        [500, 50],
      ],
      100,
    ],
    [
      [
        [0, 100],
        [500, 150],
      ],
      -100,
    ],
  ])('of %j is %d a second', (looks, expected) => {
    expect(fallOf(looks.map(([atMs = 0, freeBytes = 0]) => ({ atMs, freeBytes })))).toBe(expected);
  });
});

describe('createBuildGuard', () => {
  /** A disk of which builds take space as long as they run, and give it back at their end. */
  function openDisk(freeMb: number) {
    const taken = new Map<string, number>();
    const ended: string[] = [];
    const free = () => freeMb - [...taken.values()].reduce((sum, bytes) => sum + bytes, 0);
    const system = (): FileSystem => ({
      holds: 'engine',
      path: '/',
      totalBytes: 10_000 * MB,
      freeBytes: free() * MB,
      floorBytes: 2000 * MB,
      totalInodes: 0,
      freeInodes: 0,
    });
    const guard = createBuildGuard({ space: { read: async () => [system()] }, log });
    async function build(buildId: string, options: { takesMb: number; turns: number }): Promise<string> {
      async function* steps(signal: AbortSignal): AsyncGenerator<string, string> {
        for (let turn = 0; turn < options.turns; turn += 1) {
          await sleep(50);
          signal.throwIfAborted();
          taken.set(buildId, (taken.get(buildId) ?? 0) + options.takesMb);
          yield '.';
        }
        return 'built';
      }
      const watched = guard.watch({ buildId, signal: new AbortController().signal }, steps);
      try {
        for (;;) {
          const step = await watched.next();
          if (step.done) return step.value;
        }
      } catch (error) {
        ended.push(buildId);
        return (error as Error).message;
      } finally {
        taken.delete(buildId);
      }
    }
    return { build, ended };
  }

  it('leaves builds alone while there is room', async () => {
    const disk = openDisk(5000);
    expect(await disk.build('a', { takesMb: 100, turns: 10 })).toBe('built');
  });

  it('ends the newest, and no other when that gives the space back', async () => {
    const disk = openDisk(2500);
    const [older, newer] = await Promise.all([
      disk.build('older', { takesMb: 1, turns: 40 }),
      disk.build('newer', { takesMb: 100, turns: 40 }),
    ]);
    expect(older).toBe('built');
    expect(newer).toMatch(
      /^The build was ended: the disk of the container engine is nearly full \(.* of 9\.8 GB were left; builds end below 1000 MB\)\.$/,
    );
    expect(disk.ended).toEqual(['newer']);
  });

  it('ends the next one when the space still goes away', async () => {
    const disk = openDisk(2500);
    const [older, newer] = await Promise.all([
      disk.build('older', { takesMb: 100, turns: 40 }),
      disk.build('newer', { takesMb: 1, turns: 40 }),
    ]);
    expect(disk.ended).toEqual(['newer', 'older']);
    expect(older).toMatch(/nearly full/);
    expect(newer).toMatch(/nearly full/);
  });

  it('ends all that run, one after the other, when the space does not come back', async () => {
    const disk = openDisk(900);
    await Promise.all(['a', 'b'].map((id) => disk.build(id, { takesMb: 0, turns: 200 })));
    expect(disk.ended).toEqual(['b', 'a']);
  });
});
