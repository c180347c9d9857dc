// Speaks HTTP with the daemon: one request function, JSON in and out, errors as the server worded them.
// In: the host and a token. Out: parsed replies, open streams, and upgraded connections (for `paas run`).
// A request is never repeated unless it is a GET whose connection broke.

import http, { type IncomingMessage, type RequestOptions } from 'node:http';
import type { LookupFunction, Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { anySignal } from '../any-signal.js';
import { toApiError, unreachable, uploadEnded } from './api-errors.js';
import { CliError, errorCode } from './cli-error.js';

export interface ApiClient {
  readonly host: string;
  /** Sends a request and answers the parsed JSON reply. */
  request<T>(method: string, path: string, options?: RequestBody): Promise<T>;
  /** A whole list, following `Next-Range`; with `max`, just the first part that the server answers. */
  list<T>(path: string, range?: { range: string; partial?: boolean }): Promise<T[]>;
  /** The open body of a GET. `url` may be absolute (as the daemon gives it): only its path and query are used. */
  stream(url: string, options?: StreamOptions): Promise<IncomingMessage>;
  /** Upgrades a connection to `protocol`; `head` is what already came after the 101. */
  upgrade(url: string, protocol: string): Promise<{ socket: Socket; head: Buffer }>;
}

export interface RequestBody {
  readonly json?: unknown;
  readonly body?: { readonly stream: Readable; readonly type: string; readonly length?: number };
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export interface StreamOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  /** Longest silence before the stream counts as broken; endless when left out. */
  readonly idleTimeoutMs?: number;
}

const TIMEOUT_MS = 60_000;
/** The server checks a whole archive before it answers. */
const UPLOAD_ANSWER_TIMEOUT_MS = 600_000;
const RESOLVED_HERE = { address: '127.0.0.1', family: 4 };

/** A client for the API at `host` (an origin such as `http://localhost:8080`). */
export function createApiClient(options: {
  host: string;
  authorization: string | undefined;
  version: string;
  signal: AbortSignal;
  onWarning: (text: string) => void;
}): ApiClient {
  const origin = new URL(options.host);
  const open = async (method: string, path: string, body: RequestBody, idleTimeoutMs: number | undefined) => {
    const headers: Record<string, string> = {
      Accept: 'application/vnd.heroku+json; version=3',
      'User-Agent': `paas/${options.version} node/${process.versions.node}`,
      ...(options.authorization === undefined ? {} : { Authorization: options.authorization }),
      ...body.headers,
    };
    // Not disposed of: the answer is read after this, and the command's end takes both along.
    const { signal } = anySignal(options.signal, ...(body.signal === undefined ? [] : [body.signal]));
    const reply = await send({ origin, method, path, headers, body, signal, idleTimeoutMs });
    const warning = reply.headers['x-heroku-warning'] ?? reply.headers['warning-message'];
    if (typeof warning === 'string') options.onWarning(warning);
    return reply;
  };
  const request = async (method: string, path: string, body: RequestBody = {}) => {
    const reply = await open(method, path, body, TIMEOUT_MS);
    return { reply, value: await readJson(reply, origin) };
  };
  return {
    host: options.host,
    // The server's schemas decide the shape; the caller names the part it reads.
    request: async <T>(method: string, path: string, body?: RequestBody) =>
      (await request(method, path, body)).value as T,
    list: async <T>(path: string, range?: { range: string; partial?: boolean }) => {
      const items: T[] = [];
      let next: string | undefined = range?.range;
      do {
        const { reply, value } = await request(
          'GET',
          path,
          next === undefined ? {} : { headers: { Range: next } },
        );
        // As above.
        items.push(...(value as T[]));
        const following: string | string[] | undefined = reply.headers['next-range'];
        next = reply.statusCode === 206 && typeof following === 'string' ? following : undefined;
      } while (next !== undefined && range?.partial !== true);
      return items;
    },
    stream: async (url, stream = {}) => {
      const body = {
        ...(stream.headers && { headers: stream.headers }),
        ...(stream.signal && { signal: stream.signal }),
      };
      const reply = await open('GET', pathOf(url, origin), body, stream.idleTimeoutMs);
      if (reply.statusCode !== 200) await readJson(reply, origin);
      return reply;
    },
    upgrade: (url, protocol) =>
      upgrade({
        origin,
        path: pathOf(url, origin),
        protocol,
        authorization: options.authorization,
        signal: options.signal,
      }),
  };
}

/** Resolves `localhost` and `*.localhost` to this machine without asking anybody (RFC 6761, section 6.3). */
const lookupLocalhost: LookupFunction = (hostname, options, callback) => {
  if (/(^|\.)localhost\.?$/i.test(hostname)) {
    if (options.all) callback(null, [RESOLVED_HERE]);
    else callback(null, RESOLVED_HERE.address, RESOLVED_HERE.family);
    return;
  }
  import('node:dns').then(
    // The callback's overloads follow options.all, as dns.lookup's do.
    ({ lookup }) => lookup(hostname, options, callback as never),
    (error) => callback(error, ''),
  );
};

/** The path and query of an address the daemon gave: it is reached the way the API is, also through a tunnel. */
function pathOf(url: string, origin: URL): string {
  const parsed = new URL(url, origin);
  return `${parsed.pathname}${parsed.search}`;
}

interface Sending {
  readonly origin: URL;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: RequestBody;
  readonly signal: AbortSignal;
  readonly idleTimeoutMs: number | undefined;
}

async function send(sending: Sending, isRepeat = false): Promise<IncomingMessage> {
  try {
    return await sendOnce(sending);
  } catch (error) {
    const code = errorCode(error);
    if (sending.method === 'GET' && !isRepeat && (code === 'ECONNRESET' || code === 'EPIPE')) {
      return await send(sending, true);
    }
    if (sending.signal.aborted) throw error;
    const isUpload = sending.body.body !== undefined && (code === 'ECONNRESET' || code === 'EPIPE');
    throw isUpload ? uploadEnded(sending.origin, error) : unreachable(error, sending.origin);
  }
}

async function sendOnce(sending: Sending): Promise<IncomingMessage> {
  const { method, path, body, signal, idleTimeoutMs } = sending;
  const payload = body.json === undefined ? undefined : Buffer.from(JSON.stringify(body.json));
  const headers = { ...sending.headers };
  if (payload !== undefined) {
    headers['Content-Type'] = 'application/json';
    headers['Content-Length'] = String(payload.length);
  } else if (body.body !== undefined) {
    headers['Content-Type'] = body.body.type;
    if (body.body.length !== undefined) headers['Content-Length'] = String(body.body.length);
  } else if (method !== 'GET') {
    headers['Content-Length'] = '0';
  }
  const { request } = await transport(sending.origin);
  return new Promise((resolve, reject) => {
    // A connection kept from before may just be closing: only what may be repeated is sent on one.
    const fresh = method === 'GET' ? {} : { agent: false };
    const outgoing = request(
      connection(sending.origin, { method, path, headers, signal, ...fresh }),
      resolve,
    );
    outgoing.on('error', reject);
    const onSilence = () => outgoing.destroy(new CliError(`${sending.origin.origin} does not answer.`));
    // An upload may wait on a slow line; its time-out counts from the last byte.
    if (idleTimeoutMs !== undefined && body.body === undefined) outgoing.setTimeout(idleTimeoutMs, onSilence);
    if (body.body === undefined) {
      outgoing.end(payload);
      return;
    }
    const { stream } = body.body;
    stream.on('error', (error) => outgoing.destroy(error));
    outgoing.on('close', () => stream.destroy());
    outgoing.on('finish', () => outgoing.setTimeout(UPLOAD_ANSWER_TIMEOUT_MS, onSilence));
    // An early refusal (401, 413) ends the upload.
    outgoing.on('response', () => stream.unpipe(outgoing));
    stream.pipe(outgoing);
  });
}

async function upgrade(options: {
  origin: URL;
  path: string;
  protocol: string;
  authorization: string | undefined;
  signal: AbortSignal;
}): Promise<{ socket: Socket; head: Buffer }> {
  const { origin, path, protocol, authorization, signal } = options;
  const headers: Record<string, string> = { Connection: 'Upgrade', Upgrade: protocol };
  if (authorization !== undefined) headers['Authorization'] = authorization;
  const { request } = await transport(origin);
  const refused = await new Promise<IncomingMessage | { socket: Socket; head: Buffer }>((resolve, reject) => {
    const outgoing = request(connection(origin, { method: 'GET', path, headers, agent: false }), resolve);
    outgoing.on('error', (error) => reject(unreachable(error, origin)));
    outgoing.on('upgrade', (_reply, socket, head) => {
      signal.removeEventListener('abort', cancel);
      resolve({ socket, head });
    });
    outgoing.setTimeout(TIMEOUT_MS, () =>
      outgoing.destroy(new CliError(`${origin.origin} does not answer.`)),
    );
    const cancel = () => outgoing.destroy(signal.reason);
    signal.addEventListener('abort', cancel, { once: true });
    outgoing.end();
  });
  if ('socket' in refused && 'head' in refused) {
    refused.socket.setTimeout(0);
    return refused;
  }
  await readJson(refused as IncomingMessage, origin);
  throw new CliError(`${origin.origin} did not open the connection for this command.`);
}

async function transport(origin: URL): Promise<Pick<typeof http, 'request'>> {
  return origin.protocol === 'https:' ? await import('node:https') : http;
}

function connection(origin: URL, rest: RequestOptions): RequestOptions {
  const hostname = origin.hostname.replace(/^\[|\]$/g, '');
  return { protocol: origin.protocol, hostname, port: origin.port, lookup: lookupLocalhost, ...rest };
}

async function readJson(reply: IncomingMessage, origin: URL): Promise<unknown> {
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of reply) chunks.push(chunk);
  } catch (error) {
    throw unreachable(error, origin);
  }
  const status = reply.statusCode ?? 0;
  const isJson = /[/+]json/.test(reply.headers['content-type'] ?? '');
  const text = Buffer.concat(chunks).toString('utf8');
  if (isJson && status < 300) return text === '' ? undefined : parseJson(text, origin);
  if (status === 202 || status === 204) return undefined;
  throw toApiError(status, isJson ? parseJson(text, origin) : undefined, { reply, origin });
}

function parseJson(text: string, origin: URL): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CliError(`${origin.origin} answered with broken JSON.`, { cause: error });
  }
}
