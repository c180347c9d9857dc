// The streams of a one-off dyno break while its end is waited for: its client is told, and nobody else notices.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { Duplex, PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createAttachments } from '../../../src/api/attach.js';
import { createAccount } from '../../../src/platform/accounts.js';
import { createApp } from '../../../src/platform/apps.js';
import { CLIENT_FRAME, encodeFrame } from '../../../src/schemas/run-frames.js';
import { openTestDatabase } from '../../support/test-database.js';

it('survives an engine that goes in the middle of the output', async () => {
  using test = openTestDatabase();
  const { db } = test;
  const by = await createAccount(db, { email: 'a@example.com', password: 'long enough 1', isAdmin: true });
  const app = createApp(db, { name: 'broken', owner: by });
  const attachments = createAttachments({
    db,
    urls: { platform: 'http://localhost', ofApp: () => '' } as never,
    logs: { write: () => undefined },
    log: pino({ level: 'silent' }),
  });
  const stdout = new PassThrough();
  let fail: (error: Error) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    fail = reject;
  });
  let isStopped = false;
  const oneOff = {
    dyno: { name: 'run.1234' } as never,
    attachment: { stdin: new PassThrough(), stdout, stderr: undefined, close: () => undefined },
    start: async () => undefined,
    resize: async () => undefined,
    signal: async () => undefined,
    wait: () => ended,
    stop: async () => {
      isStopped = true;
    },
  };
  const url = new URL(attachments.offer({ app, by, oneOff, windowSize: undefined }));
  const rejected: unknown[] = [];
  const note = (error: unknown) => rejected.push(error);
  process.on('unhandledRejection', note);
  try {
    const socket = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done() });
    const headers = { upgrade: 'paas-run/1', host: 'localhost' };
    const request = { url: url.pathname + url.search, method: 'GET', headers };
    attachments.upgrade(request as unknown as IncomingMessage, socket, Buffer.alloc(0));
    await setImmediate();
    stdout.destroy(new Error('ECONNRESET'));
    await setImmediate();
    fail(new Error('the engine went'));
    await once(socket, 'close');
    await setImmediate();
    expect(isStopped).toBe(true);
    expect(rejected).toEqual([]);
  } finally {
    process.off('unhandledRejection', note);
  }
});

it('sees that a client has gone whose input the process does not read', async () => {
  using test = openTestDatabase();
  const { db } = test;
  const by = await createAccount(db, { email: 'a@example.com', password: 'long enough 1', isAdmin: true });
  const app = createApp(db, { name: 'deaf', owner: by });
  const attachments = createAttachments({
    db,
    urls: { platform: 'http://localhost', ofApp: () => '' } as never,
    logs: { write: () => undefined },
    log: pino({ level: 'silent' }),
  });
  let onStop: () => void = () => undefined;
  const stopped = new Promise<void>((resolve) => {
    onStop = resolve;
  });
  const stdin = new PassThrough();
  const oneOff = {
    dyno: { name: 'run.1234' } as never,
    attachment: { stdin, stdout: new PassThrough(), stderr: undefined, close: () => undefined },
    start: async () => undefined,
    resize: async () => undefined,
    signal: async () => undefined,
    wait: () => new Promise<never>(() => undefined),
    stop: async () => onStop(),
  };
  const url = new URL(attachments.offer({ app, by, oneOff, windowSize: undefined }));
  const server = createServer().on('upgrade', attachments.upgrade).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const head = ['Host: localhost', 'Connection: Upgrade', 'Upgrade: paas-run/1'].join('\r\n');
  client.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n\r\n`);
  await once(client, 'data');
  const input = encodeFrame(CLIENT_FRAME.stdin, Buffer.alloc(512 * 1024));
  for (let count = 0; count < 40; count += 1) client.write(input);
  await once(stdin, 'readable');
  client.destroy();
  await stopped;
  server.close();
}, 10_000);
