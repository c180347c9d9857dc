import { describe, expect, it } from 'vitest';
import { parseHealthchecks } from '../../../src/platform/app-json.js';
import {
  applySettings,
  type Check,
  type CheckSettings,
  DEFAULT_CHECK,
  startupLimitMs,
  startupTimes,
} from '../../../src/platform/check.js';

const set = (settings: CheckSettings, base = DEFAULT_CHECK) => applySettings(base, settings);
const declared = (entry: object): Check => {
  const file = Buffer.from(JSON.stringify({ healthchecks: { web: [entry] } }));
  const [check] = parseHealthchecks(file).checks['web']?.startup ?? [];
  if (check === undefined) throw new Error('no check');
  return check;
};

describe('the time for a startup check', () => {
  it.each<[string, Check, { intervalMs: number; attempts: number }, number]>([
    ['the default', DEFAULT_CHECK, { intervalMs: 1000, attempts: 60 }, 60_000],
    ['a path without times', set({ path: '/' }), { intervalMs: 1000, attempts: 60 }, 60_000],
    ['a timeout alone', set({ timeout: 2 }), { intervalMs: 1000, attempts: 60 }, 60_000],
    ['a delay alone', set({ initialDelay: 70 }), { intervalMs: 1000, attempts: 60 }, 130_000],
    ['less', set({ interval: 10, attempts: 3 }), { intervalMs: 10_000, attempts: 3 }, 30_000],
    ['more', set({ interval: 10, attempts: 30 }), { intervalMs: 10_000, attempts: 30 }, 300_000],
    ['attempts alone', set({ attempts: 5 }), { intervalMs: 10_000, attempts: 5 }, 50_000],
    ['an interval alone', set({ interval: 2 }), { intervalMs: 2000, attempts: 3 }, 6000],
    [
      'times that were set before',
      set({ path: '/' }, set({ attempts: 5 })),
      { intervalMs: 10_000, attempts: 5 },
      50_000,
    ],
    [
      'times and a delay',
      set({ interval: 2, attempts: 2, initialDelay: 5 }),
      { intervalMs: 2000, attempts: 2 },
      9000,
    ],
    ['an uptime', set({ uptime: 120 }), { intervalMs: 1000, attempts: 60 }, 180_000],
    ['app.json without times', declared({ path: '/' }), { intervalMs: 1000, attempts: 60 }, 60_000],
    ['zeroes in app.json', declared({ path: '/', wait: 0 }), { intervalMs: 1000, attempts: 60 }, 60_000],
    ['wait in app.json', declared({ path: '/', wait: 2 }), { intervalMs: 2000, attempts: 3 }, 6000],
    ['attempts in app.json', declared({ path: '/', attempts: 4 }), { intervalMs: 5000, attempts: 4 }, 20_000],
    [
      'both in app.json',
      declared({ path: '/', wait: 7, attempts: 20 }),
      { intervalMs: 7000, attempts: 20 },
      140_000,
    ],
    ['a warning in app.json', declared({ path: '/', warn: true }), { intervalMs: 5000, attempts: 3 }, 15_000],
  ])('of %s', (_, check, times, limitMs) => {
    expect(startupTimes(check, 60_000)).toEqual(times);
    expect(startupLimitMs(check, 60_000)).toBe(limitMs);
  });

  it('follows the boot timeout where nothing else is said', () => {
    expect(startupTimes(DEFAULT_CHECK, 180_000)).toEqual({ intervalMs: 1000, attempts: 180 });
    expect(startupLimitMs(DEFAULT_CHECK, 180_000)).toBe(180_000);
    expect(startupLimitMs(set({ interval: 10, attempts: 3 }), 180_000)).toBe(30_000);
  });
});
