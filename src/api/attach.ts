// Attaching to a one-off dyno: an address that is good once and for a minute, then an upgraded connection that carries
// the process's streams both ways.

import type { IncomingMessage } from 'node:http';
import type { Duplex, Readable } from 'node:stream';
import { nanoid } from 'nanoid';
import type { Database } from '../db/database.js';
import type { OneOff } from '../dynos/one-off.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import { watchAccess } from '../platform/access-watch.js';
import type { Account } from '../platform/accounts.js';
import type { App } from '../platform/apps.js';
import {
  CLIENT_FRAME,
  createFrameDecoder,
  encodeFrame,
  type Frame,
  SERVER_FRAME,
} from '../schemas/run-frames.js';
import type { LogWriter } from './action-log.js';
import { isOwnOrigin } from './auth.js';
import { errorBody } from './error-reply.js';
import type { PlatformUrls } from './present.js';
import { readSignal, readSize } from './read-run-frames.js';

/** A one-off dyno that waits for its client. */
export interface Offer {
  readonly app: App;
  readonly by: Account;
  readonly oneOff: OneOff;
  readonly windowSize: { columns: number; rows: number } | undefined;
}

export interface Attachments {
  /** The address at which a client gets the dyno's streams. The process starts when it comes; without one it is stopped. */
  offer(offer: Offer): string;
  /** Takes an upgrade request of the HTTP server. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Cuts all connections: an HTTP server waits for those that were upgraded, and does not close them. */
  end(): void;
}

const PROTOCOL = 'paas-run/1';
const OFFER_MS = 60_000;

interface AttachDeps {
  readonly db: Database;
  readonly urls: PlatformUrls;
  readonly logs: LogWriter;
  readonly log: Logger;
}

export function createAttachments(deps: AttachDeps): Attachments {
  const offers = new Map<string, Offer & { timer: NodeJS.Timeout }>();
  const sockets = new Set<Duplex>();

  return {
    offer(offer) {
      const token = nanoid(40);
      const timer = setTimeout(() => {
        offers.delete(token);
        const text = 'Error R13 (Attach error) -> Failed to attach to process';
        const process = offer.oneOff.dyno.name;
        deps.logs.write([{ appId: offer.app.id, source: 'heroku', process, text }]);
        stop(offer, deps.log);
      }, OFFER_MS);
      timer.unref();
      offers.set(token, { ...offer, timer });
      return `${deps.urls.platform}/apps/${offer.app.name}/dynos/${offer.oneOff.dyno.name}/attach?token=${token}`;
    },
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      sockets.add(socket);
      socket.once('close', () => sockets.delete(socket));
      try {
        const token = readToken(request);
        const offer = offers.get(token);
        if (offer === undefined)
          throw new PaasError('not_found', 'This address was used already, or is over.');
        offers.delete(token);
        clearTimeout(offer.timer);
        connect(deps, offer, { socket, head }).catch((error: unknown) => {
          deps.log.warn({ err: error, dyno: offer.oneOff.dyno.name }, 'attached one-off dyno failed');
          stop(offer, deps.log);
          socket.destroy();
        });
      } catch (error) {
        refuse(socket, error);
      }
    },
    end() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

function readToken(request: IncomingMessage): string {
  const url = new URL(request.url ?? '/', 'http://localhost');
  const isAttach = /^\/apps\/[^/]+\/dynos\/[^/]+\/attach$/.test(url.pathname) && request.method === 'GET';
  if (!isAttach || request.headers.upgrade?.toLowerCase() !== PROTOCOL) {
    throw new PaasError('bad_request', 'This connection cannot be upgraded.', {
      hint: `One-off dynos are attached to with: Upgrade: ${PROTOCOL}`,
    });
  }
  if (!isOwnOrigin(request.headers.origin, request.headers.host)) {
    throw new PaasError('forbidden', 'Requests from pages of other sites are not allowed.');
  }
  return url.searchParams.get('token') ?? '';
}

function refuse(socket: Duplex, error: unknown): void {
  const known =
    error instanceof PaasError ? error : new PaasError('internal_server_error', 'Something went wrong.');
  const body = JSON.stringify(errorBody(known));
  const lines = [
    `HTTP/1.1 ${known.status} ${known.id}`,
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
  ];
  socket.end(`${lines.join('\r\n')}\r\n\r\n${body}`);
}

/** Carries streams until the process has ended or the client has gone; a client that goes takes the process along. */
async function connect(
  deps: AttachDeps,
  offer: Offer,
  connection: { socket: Duplex; head: Buffer },
): Promise<void> {
  const { socket, head } = connection;
  const { oneOff } = offer;
  const { attachment } = oneOff;
  if (attachment === undefined) throw new Error('an offered one-off dyno has no streams');
  let hasEnded = false;
  const watch = watchAccess(deps.db, {
    ...{ by: offer.by, app: offer.app, log: deps.log },
    onLost: () => socket.destroy(),
  });
  socket.once('close', () => {
    watch[Symbol.dispose]();
    if (!hasEnded) stop(offer, deps.log);
  });
  socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${PROTOCOL}\r\n\r\n`);
  const output = Promise.all([
    copyOut(attachment.stdout, socket, SERVER_FRAME.stdout),
    attachment.stderr && copyOut(attachment.stderr, socket, SERVER_FRAME.stderr),
  ]);
  // It may break before its end is waited for; then that tells.
  output.catch(() => undefined);
  await oneOff.start();
  if (offer.windowSize !== undefined) await oneOff.resize(offer.windowSize);
  takeInput(offer, { socket, head, log: deps.log });
  const { exitCode } = await oneOff.wait();
  await output;
  hasEnded = true;
  socket.end(encodeFrame(SERVER_FRAME.exit, Buffer.from(JSON.stringify({ code: exitCode }))));
}

async function copyOut(from: Readable, socket: Duplex, type: number): Promise<void> {
  // Reading goes on when the client has gone: a stalled reader would stop the container's output, and with it its end.
  for await (const chunk of from) {
    if (socket.destroyed) continue;
    if (!socket.write(encodeFrame(type, chunk as Buffer))) await drained(socket);
  }
}

function drained(socket: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
    if (socket.destroyed) done();
  });
}

const MAX_PAYLOAD_BYTES = 1024 * 1024;
/** A client whose input waits is not read, so its end is not seen: only a write fails. Output without bytes is none. */
const PROBE_MS = 1000;

function takeInput(offer: Offer, from: { socket: Duplex; head: Buffer; log: Logger }): void {
  const { socket, head, log } = from;
  const { oneOff } = offer;
  const stdin = oneOff.attachment?.stdin;
  const decode = createFrameDecoder({ maxPayloadBytes: MAX_PAYLOAD_BYTES });
  stdin?.on('error', () => undefined);
  const write = (bytes: Buffer) => {
    if (!stdin?.writable || stdin.write(bytes) || socket.isPaused()) return;
    socket.pause();
    const probe = setInterval(() => socket.write(encodeFrame(SERVER_FRAME.stdout)), PROBE_MS);
    const goOn = () => {
      clearInterval(probe);
      stdin.off('drain', goOn).off('close', goOn);
      socket.off('close', goOn);
      socket.resume();
    };
    stdin.on('drain', goOn).on('close', goOn);
    socket.on('close', goOn);
  };
  const take = async (frame: Frame) => {
    switch (frame.type) {
      case CLIENT_FRAME.stdin:
        return write(frame.payload);
      case CLIENT_FRAME.stdinEnd:
        return void stdin?.end();
      case CLIENT_FRAME.resize: {
        const size = readSize(frame.payload);
        return size && (await oneOff.resize(size));
      }
      case CLIENT_FRAME.signal: {
        const signal = readSignal(frame.payload);
        return signal && (await oneOff.signal(signal));
      }
      default:
        return;
    }
  };
  const takeAll = (chunk: Buffer) => {
    try {
      for (const frame of decode(chunk)) {
        take(frame).catch((error: unknown) =>
          log.debug({ err: error }, 'frame of an attached client failed'),
        );
      }
    } catch {
      socket.destroy();
    }
  };
  if (head.length > 0) takeAll(head);
  socket.on('data', takeAll);
  // A half-closed connection means the client has gone: it says the end of its input with a frame.
  socket.on('end', () => socket.destroy());
}

function stop(offer: Offer, log: Logger): void {
  offer.oneOff.stop().catch((error: unknown) => {
    log.warn({ err: error, dyno: offer.oneOff.dyno.name }, 'one-off dyno could not be stopped');
  });
}
