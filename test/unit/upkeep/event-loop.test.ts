import { afterEach, describe, expect, it } from 'vitest';
import { type LoopWatch, lagFinding, lagOf, watchEventLoop } from '../../../src/upkeep/event-loop.js';
import { eventually } from '../../support/house.js';

const LIMITS = { p99Ms: 100, maxMs: 300 };
const IDLE = { builds: [], passMs: undefined };
let watch: LoopWatch | undefined;

afterEach(() => watch?.stop());

function watchThis(startUpMs = 0) {
  const said: { level: string; fields: Record<string, unknown>; text: string }[] = [];
  const say = (level: string) => (fields: unknown, text: unknown) =>
    void said.push({ level, fields: fields as Record<string, unknown>, text: String(text) });
  watch = watchEventLoop({
    work: () => ({ builds: ['shop'], passMs: 12 }),
    log: { warn: say('warn'), info: say('info') } as never,
    // The window is shorter than a minute; whoever runs this may be late by itself.
    timing: { tickMs: 20, windowMs: 2000, startUpMs, limits: { p99Ms: 600, maxMs: 800 } },
  });
  return { said, watch };
}

function compute(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

/** As a call of the disk that takes long. */
function wait(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

describe('watchEventLoop', () => {
  it('tells how late its timers were since it was asked last', async () => {
    const { watch: watching } = watchThis();
    await eventually('a look', () => watching.takeDelay().max > 0);
    compute(300);
    let worst = 0;
    await eventually('the late one', () => {
      worst = Math.max(worst, watching.takeDelay().max);
      return worst > 0.2;
    });
    watching.takeDelay();
    expect(watching.takeDelay()).toEqual({ p50: 0, p99: 0, max: 0 });
  });

  it('says once an episode that the thread was blocked, and with what; then that it is over', async () => {
    const { said, watch: watching } = watchThis();
    await eventually('a look', () => watching.lag().maxMs >= 0);
    expect(watching.finding().status).toBe('ok');
    compute(1500);
    await eventually('the alarm', () => said.length > 0);
    const { lateMs, cpuMs, ...work } = said[0]?.fields ?? {};
    expect(work).toMatchObject({ builds: ['shop'], passMs: 12 });
    expect(lateMs).toBeGreaterThan(1300);
    // Others may take the processor from it.
    expect(cpuMs).toBeGreaterThan(100);
    expect(said[0]?.text).toMatch(
      /^the event loop was held up for \d+\.\d s: .* of that the daemon computed/,
    );
    expect(watching.finding()).toMatchObject({ check: 'event loop', status: 'warn' });
    expect(watching.finding().detail).toMatch(
      /at most \d+\.\d s late, .*builds of shop run, last pass .* 12 ms$/,
    );
    compute(1000);
    await eventually('calm', () => said.some(({ level }) => level === 'info'));
    expect(said.filter(({ level }) => level === 'warn')).toHaveLength(1);
    expect(watching.finding().status).toBe('ok');
    wait(1500);
    await eventually('the next alarm', () => said.filter(({ level }) => level === 'warn').length === 2);
    const last = said.at(-1)?.fields as { lateMs: number; cpuMs: number };
    expect(last.cpuMs).toBeLessThan(last.lateMs / 2);
  });
});

describe('a start', () => {
  it('is no alarm, and nothing that is remembered', async () => {
    const { said, watch: watching } = watchThis(3000);
    compute(1500);
    await eventually('it is told', () => said.length > 0);
    expect(said[0]).toMatchObject({
      level: 'info',
      text: expect.stringMatching(/^while the daemon started/),
    });
    expect(watching.lag()).toEqual({ p99Ms: 0, maxMs: 0 });
    expect(watching.finding()).toMatchObject({ status: 'ok', detail: 'the daemon has just started' });
    await eventually('it is over', () => watching.lag().maxMs > 0);
    expect(watching.finding()).toMatchObject({ status: 'ok' });
    compute(1500);
    await eventually('an alarm', () => said.some(({ level }) => level === 'warn'));
  });
});

describe('lagOf', () => {
  it.each([
    [[], { p99Ms: 0, maxMs: 0 }],
    [[5], { p99Ms: 5, maxMs: 5 }],
    [[900], { p99Ms: 1, maxMs: 900 }],
    [[900, 500], { p99Ms: 500, maxMs: 900 }],
  ])('of %j', (late, expected) => {
    const usual = late.length > 0 && late[0] === 900 ? Array<number>(100 - late.length).fill(1) : [];
    expect(lagOf([...late, ...usual])).toEqual(expected);
  });
});

describe('lagFinding', () => {
  it.each([
    ['both below', { p99Ms: 99, maxMs: 299 }, 'ok', /at most 299 ms late, p99 99 ms$/],
    ['once very late', { p99Ms: 2, maxMs: 2100 }, 'warn', /at most 2\.1 s late, p99 2 ms: .*no build runs$/],
    ['often late', { p99Ms: 150, maxMs: 200 }, 'warn', /p99 150 ms/],
  ])('%s', (_what, lag, status, detail) => {
    const found = lagFinding(lag, LIMITS, IDLE);
    expect(found.status).toBe(status);
    expect(found.detail).toMatch(detail);
  });
});
