import { expect, it } from 'vitest';
import { EngineFailedError } from '../../../src/engine/docker-errors.js';
import { PaasError } from '../../../src/errors.js';
import { tryAll } from '../../../src/upkeep/try-all.js';

async function done(failure: Error): Promise<{ items: number[]; error: unknown }> {
  const items: number[] = [];
  const error: unknown = await tryAll([1, 2, 3], async (item) => {
    items.push(item);
    if (item === 1) throw failure;
  }).catch((thrown: unknown) => thrown);
  return { items, error };
}

it('goes on after what fails, and tells it at the end', async () => {
  const failure = new EngineFailedError('service_unavailable', 'busy');
  expect(await done(failure)).toEqual({ items: [1, 2, 3], error: failure });
});

it('asks an engine that is away only once', async () => {
  const failure = new PaasError('service_unavailable', 'away');
  expect(await done(failure)).toEqual({ items: [1], error: failure });
});
