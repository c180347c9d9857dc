// Calls to an engine that takes them and does not answer, or breaks off in the middle: each ends.

import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callLimitMs } from '../../../src/engine/bounded-calls.js';
import { createDockerEngine } from '../../../src/engine/docker.js';
import type { Engine } from '../../../src/engine/engine.js';

const LIMIT_MS = 300;
const ID = 'a'.repeat(64);
let directory: string;
/** What the engine does with a call. */
let answer: (reply: ServerResponse) => void;
let engine: Engine;
const server = createServer((_asked, reply) => answer(reply));

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'paas-engine-'));
  const socketPath = join(directory, 'engine.sock');
  server.listen(socketPath);
  await once(server, 'listening');
  engine = createDockerEngine({
    socketPath,
    instance: 'test-bounded',
    maxOpenFiles: 1024,
    log: pino({ level: 'silent' }),
    limitOf: (call) => callLimitMs(call) && LIMIT_MS,
  });
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(directory, { recursive: true, force: true });
});

const CALLS: [string, () => Promise<unknown>][] = [
  ['list', () => engine.listContainers()],
  ['inspect', () => engine.inspectContainer(ID)],
  ['start', () => engine.startContainer(ID)],
  ['stop', () => engine.stopContainer(ID, { graceMs: 1000 })],
  ['signal', () => engine.signalContainer(ID, 'SIGTERM')],
  ['remove', () => engine.removeContainer(ID)],
  ['attach', () => engine.attach(ID, { tty: false, stdin: false })],
  ['wait', () => engine.waitContainer(ID, { signal: new AbortController().signal })],
  ['events', () => engine.events({ signal: new AbortController().signal })[Symbol.asyncIterator]().next()],
  ['ping', () => engine.ping()],
  ['info', () => engine.info()],
  ['images', () => engine.listImages()],
  ['networks', () => engine.inspectBridge('net')],
];

describe.each(CALLS)('%s', (_, call) => {
  it('ends when the engine does not answer', async () => {
    answer = () => undefined;
    await expect(call()).rejects.toMatchObject({ id: 'service_unavailable' });
  });
});

describe.each(CALLS.slice(0, 2))('%s', (_, call) => {
  it('ends when the answer stops in the middle', async () => {
    answer = (reply) => void reply.writeHead(200, { 'content-length': 100 }).write('[');
    await expect(call()).rejects.toMatchObject({ id: 'service_unavailable' });
  });

  it('ends at once when the connection breaks in the middle of the answer', async () => {
    answer = (reply) => {
      reply.writeHead(200, { 'content-length': 100 });
      reply.write('[', () => reply.destroy());
    };
    const startedAt = performance.now();
    await expect(call()).rejects.toMatchObject({ id: 'service_unavailable' });
    expect(performance.now() - startedAt).toBeLessThan(LIMIT_MS);
  });
});

it('goes on reading a stream after the limit, until its signal aborts', async () => {
  answer = (reply) => {
    reply.writeHead(200);
    const text = JSON.stringify({ Action: 'die', Actor: { ID, Attributes: {} }, Type: 'container' });
    setTimeout(() => reply.write(`${text}\n`), LIMIT_MS * 2);
    reply.flushHeaders();
  };
  const end = new AbortController();
  const events = engine.events({ signal: end.signal })[Symbol.asyncIterator]();
  expect((await events.next()).value).toMatchObject({ kind: 'die', containerId: ID });
  const next = events.next();
  end.abort();
  await expect(next).rejects.toBeDefined();
});

describe('the kept log of a container', () => {
  /** A frame of standard output. */
  const frame = (text: string) => {
    const head = Buffer.alloc(8);
    head[0] = 1;
    head.writeUInt32BE(Buffer.byteLength(text), 4);
    return Buffer.concat([head, Buffer.from(text)]);
  };
  const line = (number: number) => frame(`2026-01-01T00:00:00.00000000${number}Z line ${number}\n`);
  const read = (signal = new AbortController().signal) =>
    engine.readLogs(ID, { sinceMs: 0, signal })[Symbol.asyncIterator]();
  /** Tells of the container, then sends the log. */
  const inspectThen = (sendLog: (reply: ServerResponse) => void) => {
    answer = (reply) => {
      answer = sendLog;
      reply.writeHead(200, { 'content-type': 'application/json' });
      reply.end(JSON.stringify({ Id: ID, Config: { Tty: false, Labels: {} }, State: {} }));
    };
  };

  it('ends with an error when no more of it comes', async () => {
    inspectThen((reply) => void reply.writeHead(200).write(line(1)));
    const lines = read();
    expect((await lines.next()).value).toMatchObject({ text: 'line 1' });
    await expect(lines.next()).rejects.toMatchObject({
      id: 'service_unavailable',
      message: expect.stringContaining(`log of container ${ID}`),
    });
  });

  it('ends with an error when the connection breaks', async () => {
    inspectThen((reply) => {
      reply.writeHead(200, { 'content-length': 1000 });
      reply.write(line(1), () => reply.destroy());
    });
    const lines = read();
    expect((await lines.next()).value).toMatchObject({ text: 'line 1' });
    await expect(lines.next()).rejects.toMatchObject({ id: 'service_unavailable' });
  });

  it('may come slowly, and be read slowly', async () => {
    const sendSlowly = async (reply: ServerResponse) => {
      reply.writeHead(200);
      for (const number of [1, 2, 3, 4]) {
        reply.write(line(number));
        await sleep(LIMIT_MS / 2);
      }
      reply.end();
    };
    inspectThen((reply) => void sendSlowly(reply));
    const texts: string[] = [];
    for await (const { text } of { [Symbol.asyncIterator]: () => read() }) {
      if (texts.length === 0) await sleep(LIMIT_MS * 2);
      texts.push(text);
    }
    expect(texts).toEqual(['line 1', 'line 2', 'line 3', 'line 4']);
  });

  it('ends with the reason of its signal', async () => {
    inspectThen((reply) => void reply.writeHead(200).write(line(1)));
    const end = new AbortController();
    const lines = read(end.signal);
    await lines.next();
    const next = lines.next();
    end.abort(new Error('enough'));
    await expect(next).rejects.toThrow('enough');
  });
});

it.each([
  ['GET', '/containers/json?', undefined, 30_000],
  ['POST', `/containers/${ID}/stop?`, { t: 300 }, 360_000],
  ['POST', '/containers/create?', { t: 300 }, 120_000],
  ['DELETE', `/containers/${ID}?`, undefined, 300_000],
  ['POST', '/build?', undefined, undefined],
  ['POST', '/images/create?', undefined, undefined],
  ['PUT', `/containers/${ID}/archive?`, undefined, 1_800_000],
])('%s %s has its limit', (method, path, options, limitMs) => {
  expect(callLimitMs({ method, path, options })).toBe(limitMs);
});
