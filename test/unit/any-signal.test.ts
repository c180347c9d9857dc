import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it, vi } from 'vitest';
import { anySignal } from '../../src/any-signal.js';

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');
const never = () => new AbortController().signal;

it.each([
  ['a time limit that nobody else holds', () => anySignal(never(), AbortSignal.timeout(300))],
  [
    'one of a signal made of others',
    () => anySignal(anySignal(never(), AbortSignal.timeout(300)).signal, never()),
  ],
])('keeps %s, also when memory is collected', async (_, make) => {
  const onAbort = vi.fn();
  // A function of its own: what it held is garbage when it has returned.
  const listen = () => make().signal.addEventListener('abort', onAbort, { once: true });
  listen();
  for (let count = 0; count < 10; count += 1) {
    await sleep(1);
    collectGarbage();
  }
  await vi.waitFor(() => expect(onAbort).toHaveBeenCalledOnce(), { timeout: 10_000, interval: 20 });
});

it('aborts with the first, for its reason', () => {
  const [one, other] = [new AbortController(), new AbortController()];
  const any = anySignal(one.signal, other.signal);
  expect(any.signal.aborted).toBe(false);
  other.abort('enough');
  one.abort('too late');
  expect(any.signal).toMatchObject({ aborted: true, reason: 'enough' });
});

it('aborts at once with one that has', () => {
  expect(anySignal(never(), AbortSignal.abort('before')).signal).toMatchObject({ reason: 'before' });
});

it('leaves nothing on a signal that lives long, and does not warn of many', async () => {
  const onWarning = vi.fn();
  process.on('warning', onWarning);
  const life = new AbortController();
  const many = Array.from({ length: 40 }, () => anySignal(life.signal, never()));
  expect(getEventListeners(life.signal, 'abort')).toHaveLength(40);
  for (const each of many) each[Symbol.dispose]();
  expect(getEventListeners(life.signal, 'abort')).toHaveLength(0);
  life.abort();
  expect(many[0]?.signal.aborted).toBe(false);
  await new Promise((resolve) => setImmediate(resolve));
  process.off('warning', onWarning);
  expect(onWarning).not.toHaveBeenCalled();
});
