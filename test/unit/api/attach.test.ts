// The streams of a one-off dyno break while its end is waited for: its client is told, and nobody else notices.

import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Duplex, PassThrough } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { expect, it } from 'vitest';
import { createAttachments } from '../../../src/api/attach.js';
import { createAccount } from '../../../src/platform/accounts.js';
import { createApp } from '../../../src/platform/apps.js';
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
