// Follows the log of an app: lines in order, each once, over broken connections and daemon restarts.

import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from './api-client.js';
import { ApiError, CliError } from './cli-error.js';
import { createEventParser, type ServerEvent } from './event-stream.js';

export interface LogQuery {
  readonly lines: number;
  readonly tail: boolean;
  readonly source?: string;
  readonly dyno?: string;
  readonly type?: string;
}

/** The server sends a comment every 15 s: longer silence means a dead connection. */
const IDLE_TIMEOUT_MS = 45_000;
const FIRST_RETRY_MS = 250;
const LAST_RETRY_MS = 5000;
/** The session was given, so the server is there: a restart between it and the stream is waited for. */
const BEGIN_MS = 30_000;

/** The events of a log, oldest first. With `tail` it goes on until `signal` aborts; else it ends with the last line. */
export async function* followLog(
  api: ApiClient,
  log: { app: string; query: LogQuery; signal: AbortSignal; beginMs?: number },
): AsyncGenerator<ServerEvent> {
  const { query, signal, beginMs = BEGIN_MS } = log;
  const position: Position = { url: await openSession(api, log), lastId: '', hasBegun: false };
  const giveUpAt = performance.now() + beginMs;
  let retryMs = FIRST_RETRY_MS;
  for (;;) {
    const before = position.lastId;
    try {
      yield* readOn(api, position, signal);
      if (!query.tail) return;
    } catch (error) {
      const mayWait = position.hasBegun || performance.now() < giveUpAt;
      if (signal.aborted || !query.tail || !mayWait || !isPassing(error)) throw explain(error);
      if (isRefusal(error)) position.url = await reopenSession(api, log, position.url);
    }
    if (position.lastId !== before) retryMs = FIRST_RETRY_MS;
    await delay(retryMs, undefined, { signal });
    retryMs = Math.min(retryMs * 2, LAST_RETRY_MS);
  }
}

/** Whether there is a line now that the query would show. */
export async function hasLines(
  api: ApiClient,
  log: { app: string; query: LogQuery; signal: AbortSignal },
): Promise<boolean> {
  const query = { ...log.query, lines: 1, tail: false };
  for await (const { type } of followLog(api, { ...log, query })) if (type === 'message') return true;
  return false;
}

function explain(error: unknown): unknown {
  return error instanceof CliError ? error : new CliError('The log was cut off.', { cause: error });
}

/** Where to go on reading. */
interface Position {
  url: string;
  lastId: string;
  /** The server has answered once: from then on a break is a restart, however quiet the app is. */
  hasBegun: boolean;
}

/** A new address, or the old one while the server cannot be asked. */
async function reopenSession(
  api: ApiClient,
  log: { app: string; query: LogQuery },
  old: string,
): Promise<string> {
  try {
    return await openSession(api, log);
  } catch (error) {
    if (isRefusal(error)) throw error;
    return old;
  }
}

function isRefusal(error: unknown): boolean {
  return error instanceof ApiError && error.status < 500 && error.status !== 429;
}

async function openSession(
  api: ApiClient,
  { app, query }: { app: string; query: LogQuery },
): Promise<string> {
  const made = await api.request<{ logplex_url: string }>('POST', `/apps/${app}/log-sessions`, {
    json: query,
  });
  return made.logplex_url;
}

/** Reads one connection from the position on, and moves the position with each event. */
async function* readOn(api: ApiClient, position: Position, signal: AbortSignal): AsyncGenerator<ServerEvent> {
  const headers: Record<string, string> = { Accept: 'text/event-stream' };
  if (position.lastId !== '') headers['Last-Event-ID'] = position.lastId;
  const reply = await api.stream(position.url, { headers, signal, idleTimeoutMs: IDLE_TIMEOUT_MS });
  position.hasBegun = true;
  const decoder = new TextDecoder();
  const parse = createEventParser();
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    for (const event of parse(decoder.decode(chunk, { stream: true }))) {
      if (isRepeated(event.id, position.lastId)) continue;
      position.lastId = event.id || position.lastId;
      if (event.type !== 'position') yield event;
    }
  }
}

/** Ids grow: what is not newer than the last one was shown already. */
function isRepeated(id: string, lastId: string): boolean {
  return (
    id !== '' && lastId !== '' && /^\d+$/.test(id) && /^\d+$/.test(lastId) && BigInt(id) <= BigInt(lastId)
  );
}

/** Whether a tail can go on: an expired address is asked for anew. */
function isPassing(error: unknown): boolean {
  return !(error instanceof ApiError) || error.status >= 500 || [403, 404, 410, 429].includes(error.status);
}
