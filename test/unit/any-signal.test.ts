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
  ['one of a signal made of others', () => anySignal(anySignal(never(), AbortSignal.timeout(300)), never())],
])('keeps %s, also when memory is collected', async (_, make) => {
  const onAbort = vi.fn();
  // A function of its own: what it held is garbage when it has returned.
  const listen = () => make().addEventListener('abort', onAbort, { once: true });
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
  expect(any.aborted).toBe(false);
  other.abort('enough');
  one.abort('too late');
  expect(any).toMatchObject({ aborted: true, reason: 'enough' });
});
