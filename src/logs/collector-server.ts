// The collector's end of its unix socket.

import { once } from 'node:events';
import { chmodSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { anySignal } from '../any-signal.js';
import type { Logger } from '../log.js';
import type { LogCollector } from './collector.js';
import {
  type AttachRequest,
  type ForgetRequest,
  type HealthReply,
  IDLE_MS,
  type ReadRequest,
  type TailRequest,
  type WriteRequest,
} from './protocol.js';

const MAX_BODY_BYTES = 16 * 1024 * 1024;
/** Daemons whose last batch number is remembered. */
const MAX_CLIENTS = 16;

/** Serves a collector on a unix socket that only our user can open. */
export class CollectorServer {
  readonly #server: Server;
  readonly #collector: LogCollector;
  readonly #log: Logger;
  readonly #stamp: string;
  readonly #requests: () => unknown;
  readonly #lastBatch = new Map<string, number>();
  readonly #stopping = new AbortController();

  constructor(options: {
    collector: LogCollector;
    log: Logger;
    /** Of the code and the settings that it runs with. */
    stamp: string;
    /** Counts of the apps' requests, from whoever reads the access log. */
    requests?: () => unknown;
  }) {
    this.#collector = options.collector;
    this.#log = options.log;
    this.#stamp = options.stamp;
    this.#requests = options.requests ?? (() => ({}));
    this.#server = createServer({ keepAlive: true, noDelay: true }, (request, response) => {
      this.#answer(request, response).catch((err) => this.#fail(response, err));
    });
    // Tails last for as long as somebody reads.
    this.#server.requestTimeout = 0;
  }

  async listen(socketPath: string): Promise<void> {
    const listening = once(this.#server, 'listening');
    this.#server.listen(socketPath);
    await listening;
    chmodSync(socketPath, 0o600);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping.abort();
    const closed = once(this.#server, 'close');
    this.#server.close();
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const route = `${request.method} ${request.url}`;
    switch (route) {
      case 'GET /health':
        return sendJson(response, { pid: process.pid, stamp: this.#stamp } satisfies HealthReply);
      case 'GET /stats':
        return sendJson(response, this.#collector.stats());
      case 'GET /requests':
        return sendJson(response, this.#requests());
      case 'POST /attach':
        await this.#collector.attach(await readJson<AttachRequest>(request));
        return sendJson(response, {});
      case 'POST /lines':
        await this.#write(await readJson<WriteRequest>(request));
        return sendJson(response, {});
      case 'POST /read': {
        const runs = await this.#collector.read(await readJson<ReadRequest>(request));
        response.end(runs);
        return;
      }
      case 'POST /tail':
        return await this.#tail(await readJson<TailRequest>(request), response);
      case 'POST /forget':
        await this.#collector.forgetApp((await readJson<ForgetRequest>(request)).appId);
        return sendJson(response, {});
      default:
        response.statusCode = 404;
        sendJson(response, { message: `no route ${route}` });
    }
  }

  async #write(request: WriteRequest): Promise<void> {
    const { client, number, lines, dropped } = request;
    if (number <= (this.#lastBatch.get(client) ?? -1)) return;
    this.#lastBatch.delete(client);
    this.#lastBatch.set(client, number);
    const [oldest] = this.#lastBatch.keys();
    if (this.#lastBatch.size > MAX_CLIENTS && oldest !== undefined) this.#lastBatch.delete(oldest);
    for (const { appId, count } of dropped) this.#collector.noteUndelivered(appId, count);
    await this.#collector.write(lines);
  }

  async #tail(query: TailRequest, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    using either = anySignal(gone.signal, this.#stopping.signal);
    const { signal } = either;
    response.on('close', () => gone.abort());
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    for await (const chunk of this.#collector.tail(query, { idleMs: IDLE_MS, signal })) {
      if (signal.aborted) break;
      if (!response.write(chunk)) await once(response, 'drain', { signal });
    }
    response.end();
  }

  #fail(response: ServerResponse, err: unknown): void {
    if (response.destroyed || this.#stopping.signal.aborted) return;
    this.#log.warn({ err }, 'collector request failed');
    if (response.headersSent) {
      response.destroy();
      return;
    }
    response.statusCode = 500;
    sendJson(response, { message: err instanceof Error ? err.message : String(err) });
  }
}

function sendJson(response: ServerResponse, body: unknown): void {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(body));
}

async function readJson<Body>(request: IncomingMessage): Promise<Body> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > MAX_BODY_BYTES) throw new Error('request is too large');
    chunks.push(chunk);
  }
  // The socket is ours alone (mode 0600), and client.ts sends these shapes.
  return JSON.parse(Buffer.concat(chunks).toString('utf8')) as Body;
}
