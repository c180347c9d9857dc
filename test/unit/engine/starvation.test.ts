import { expect, it } from 'vitest';
import { type CpuSample, IDLE, nextPriority, type Priority } from '../../../src/engine/starvation.js';

const TIMES = { patienceMs: 5000, liftMs: 60_000 };
const starved: CpuSample = { elapsedMs: 1000, usedMs: 5, isRunnable: true };
const fed: CpuSample = { elapsedMs: 1000, usedMs: 900, isRunnable: true };
const asleep: CpuSample = { elapsedMs: 1000, usedMs: 0, isRunnable: false };

function after(samples: readonly CpuSample[], from: Priority = IDLE): Priority {
  return samples.reduce((priority, sample) => nextPriority(priority, sample, TIMES), from);
}

it.each<[string, CpuSample[], 'idle' | 'lifted']>([
  ['gets all it can use', Array(20).fill(fed), 'idle'],
  ['waits for the network', Array(20).fill(asleep), 'idle'],
  ['has waited four seconds', Array(4).fill(starved), 'idle'],
  ['has waited five seconds', Array(5).fill(starved), 'lifted'],
  [
    'got nothing, but slept in between',
    [...Array(4).fill(starved), asleep, ...Array(4).fill(starved)],
    'idle',
  ],
  ['got a second in between', [...Array(4).fill(starved), fed, ...Array(4).fill(starved)], 'idle'],
  ['got a second once, then nothing', [fed, ...Array(9).fill(starved)], 'lifted'],
])('a build that %s', (_what, samples, mode) => {
  expect(after(samples).mode).toBe(mode);
});

it('is without a share of its own again after a minute, and has one five seconds later', () => {
  const lifted = after(Array(5).fill(starved));
  expect(after(Array(59).fill(fed), lifted).mode).toBe('lifted');
  expect(after(Array(60).fill(fed), lifted)).toEqual(IDLE);
  expect(after(Array(65).fill(starved), lifted).mode).toBe('lifted');
});
