// The engine's socket is cut off from the collector again and again while containers print: every line is kept once, in
// order, and nothing has to be told as missing, for the engine's file has it all.

import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type EngineProxy, openEngineProxy } from '../support/engine-proxy.js';
import { type LogsFixture, openLogsFixture, until } from '../support/log-collector.js';
import { createRandom } from '../support/nemesis/random.js';

const CUTS = 8;

let fixture: LogsFixture;
let proxy: EngineProxy;

beforeAll(async () => {
  fixture = await openLogsFixture();
  const socketPath = join(fixture.dataDir, 'engine.sock');
  proxy = await openEngineProxy({ socketPath, engine: '/var/run/docker.sock' });
  await fixture.startCollector({ dockerSocket: socketPath });
});
afterAll(async () => {
  await proxy?.[Symbol.asyncDispose]();
  await fixture?.close();
});

const count = async (appId: string) => (await fixture.client.read({ appId, lines: 1_000_000 })).length;

/** Prints `seq N` on both streams by turns, or on one, until it is told to end; then `end N`. `isLate`: unattached. */
async function startPrinter(pauseUs: number, options: { isOnBoth: boolean; isLate?: true }) {
  const appId = randomUUID();
  const say = options.isOnBoth
    ? 'if [ $((n % 3)) = 0 ]; then echo seq $n >&2; else echo seq $n; fi'
    : 'echo seq $n';
  const container = await fixture.create(
    `trap 'stop=1' TERM; n=0; while [ -z "$stop" ]; do n=$((n+1)); ${say}; usleep ${pauseUs}; done; echo end $n`,
  );
  const attach = () =>
    fixture.client.attach({ containerId: container.id, appId, process: 'web.1', tty: false });
  if (!options.isLate) await attach();
  await container.start();
  return { appId, container, attach, name: `${pauseUs} us${options.isOnBoth ? ', both streams' : ''}` };
}

test('the engine is cut off many times while containers print', async () => {
  const random = createRandom(9);
  const printers = [
    await startPrinter(20_000, { isOnBoth: false }),
    await startPrinter(50_000, { isOnBoth: true }),
    await startPrinter(300_000, { isOnBoth: false }),
  ];
  for (let cut = 0; cut < CUTS; cut += 1) {
    await sleep(random.int(20, 800));
    const refusal = proxy.cutOff();
    await sleep(random.int(200, 1000));
    // Every other time the connection breaks once more in the middle of reading the engine's file.
    const isHit = cut % 2 === 1;
    const before = await count(printers[0]?.appId ?? '');
    if (isHit) proxy.lie(/\/logs\b/, { kind: 'lose-answer' }, 1);
    refusal.stop();
    if (isHit) await until('lines go on', async () => (await count(printers[0]?.appId ?? '')) > before);
  }
  proxy.tellTruth();
  for (const { appId, container, name } of printers) {
    await container.kill({ signal: 'SIGTERM' });
    const lines = await until(
      `the end of ${name}`,
      async () => {
        const kept = await fixture.client.read({ appId, lines: 1_000_000 });
        return kept.some(({ text }) => text.startsWith('end ')) && kept;
      },
      30_000,
    );
    const told = lines.filter(({ source }) => source === 'heroku').map(({ text }) => text);
    const texts = lines.filter(({ source }) => source === 'app').map(({ text }) => text);
    const printed = Number(/^end (\d+)$/.exec(texts.find((text) => text.startsWith('end ')) ?? '')?.[1]);
    const expected = Array.from({ length: printed }, (_, index) => `seq ${index + 1}`);
    const kept = new Set(texts);
    const missing = expected.filter((text) => !kept.has(text));
    expect({ name, missing, repeated: texts.length - kept.size, told }).toEqual({
      name,
      missing: [],
      repeated: 0,
      told: [],
    });
    // Two streams have no order between them.
    if (!name.includes('both')) expect(texts.slice(0, -1)).toEqual(expected);
  }
});

test('an engine that was killed in the middle of a start calls a container created that has printed', async () => {
  const { appId, container } = await startPrinter(50_000, { isOnBoth: false });
  const kept = async () => (await fixture.client.read({ appId, lines: 1_000_000 })).map(({ text }) => text);
  await until('the first lines', async () => (await kept()).length > 0);
  const refusal = proxy.cutOff();
  await sleep(500);
  const misremembers = proxy.lie(new RegExp(`/containers/${container.id}/json`), {
    kind: 'rewrite',
    change: (text) => text.replace('"Status":"running"', '"Status":"created"'),
  });
  refusal.stop();
  const before = (await kept()).length;
  await until('lines go on', async () => (await kept()).length > before + 5);
  expect(misremembers.told).toBeGreaterThan(0);
  const lines = await kept();
  expect(lines).toEqual(lines.map((_, index) => `seq ${index + 1}`));
  proxy.tellTruth();
  await container.kill({ signal: 'SIGTERM' });
});

test('a container that starts while it is attached is kept from its first line on', async () => {
  const { appId, container, attach } = await startPrinter(50_000, { isOnBoth: false, isLate: true });
  const printed = async () => (await container.logs({ stdout: true })).length > 0;
  await until('it has printed', printed);
  // What the engine said just before the start.
  const late = proxy.lie(
    new RegExp(`/containers/${container.id}/json`),
    { kind: 'rewrite', change: (text) => text.replace('"Status":"running"', '"Status":"created"') },
    1,
  );
  await attach();
  const kept = async () => (await fixture.client.read({ appId, lines: 1_000_000 })).map(({ text }) => text);
  const lines = await until('lines', async () => (await kept()).length > 5 && (await kept()));
  expect(late.told).toBe(1);
  expect(lines).toEqual(lines.map((_, index) => `seq ${index + 1}`));
  await container.kill({ signal: 'SIGTERM' });
});

test('a container whose attach fails half-way is not held up by it', async () => {
  const appId = randomUUID();
  const container = await fixture.create('seq 1 400000');
  const inspect = new RegExp(`/containers/${container.id}/json`);
  proxy.lie(inspect, { kind: 'delay', ms: 0 }, 1);
  const failing = proxy.lie(inspect, { kind: 'answer', status: 500, isDone: false }, 1);
  const attached = fixture.client.attach({ containerId: container.id, appId, process: 'web.1', tty: false });
  await expect(attached).rejects.toThrow();
  expect(failing.told).toBe(1);
  await container.start();
  await until('its end', async () => !(await container.inspect()).State.Running, 20_000);
});
