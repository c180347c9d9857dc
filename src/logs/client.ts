// The daemon's way to the log collector. It outlives restarts of either side: calls are repeated for a while, written
// lines wait in a bounded queue, and a tail goes on after its last line.

import { Agent, request as httpRequest, type IncomingMessage } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { LogFilter, LogLine, NewLogLine } from './line.js';
import { LineWriter } from './line-writer.js';
import type { CollectorStats, HealthReply, ReadRequest, TailRequest } from './protocol.js';
import { clipRun, decodeRuns, type Frame, FrameDecoder, runLines } from './runs.js';

/** What a follower of an app gets. */
export type TailEvent =
  | { readonly kind: 'line'; readonly line: LogLine }
  /** The follower was too slow: `count` lines were dropped since then. */
  | { readonly kind: 'dropped'; readonly count: number; readonly sinceUs: number }
  /** All that is known, up to `seq`, was delivered; comes again while nothing happens. */
  | { readonly kind: 'idle'; readonly seq: number };

/** The lines of an app to follow. */
export interface TailOptions extends LogFilter {
  readonly appId: string;
  /** Go on after this line. */
  readonly afterSeq?: number | undefined;
  /** Without `afterSeq`: begin with this many older lines. */
  readonly lines?: number | undefined;
  readonly signal: AbortSignal;
}

export interface LogClient {
  /** Resolves when the collector has the container's output; call it before the container is started. */
  attach(container: { containerId: string; appId: string; process: string; tty: boolean }): Promise<void>;
  /** Never blocks: what cannot be delivered for long is dropped, counted, and told in the app's log. */
  write(lines: readonly NewLogLine[]): void;
  /** Resolves when everything written so far was stored (or dropped). */
  flush(): Promise<void>;
  /** The newest matching lines, oldest first. */
  read(query: ReadRequest): Promise<LogLine[]>;
  tail(options: TailOptions): AsyncIterable<TailEvent>;
  /** As `tail`, but what comes together is given together. */
  tailBatches(options: TailOptions): AsyncIterable<readonly TailEvent[]>;
  forgetApp(appId: string): Promise<void>;
  health(): Promise<HealthReply>;
  /** Counts of the collector since its start. */
  stats(): Promise<CollectorStats>;
  /** The request counts of the collector's process (`MeterReport` of the router's request-meter.ts). */
  requests(): Promise<unknown>;
  /** Ends the background delivery of written lines; what still waits is lost. */
  close(): void;
}

const CALL_DEADLINE_MS = 10_000;

/**
 * `clientId` is unique for each start of the daemon. A call that the collector does not answer in time rejects with
 * PaasError `service_unavailable`.
 */
export function createLogClient(options: {
  socketPath: string;
  clientId: string;
  log: Logger;
  /** How long one call may take; undefined: as in production. */
  callDeadlineMs?: number | undefined;
}): LogClient {
  const { socketPath, clientId, log, callDeadlineMs = CALL_DEADLINE_MS } = options;
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const closing = new AbortController();
  const post = async (path: string, body: unknown, deadlineMs = callDeadlineMs) =>
    await callUntil({ socketPath, agent, path, body, deadlineMs });
  const ask = (call: Call) => callOnce({ ...call, signal: AbortSignal.timeout(callDeadlineMs) });
  const writer = new LineWriter({ clientId, log, post, signal: closing.signal });
  const tailBatches = (tail: TailOptions) => followBatches(socketPath, tail);
  return {
    attach: async (container) => {
      await post('/attach', container);
    },
    write: (lines) => writer.add(lines),
    flush: () => writer.flush(),
    async read(query) {
      return decodeRuns(await post('/read', query)).flatMap(runLines);
    },
    tailBatches,
    async *tail(tail) {
      for await (const batch of tailBatches(tail)) yield* batch;
    },
    forgetApp: async (appId) => {
      await post('/forget', { appId });
    },
    health: () => readHealth(socketPath, AbortSignal.timeout(callDeadlineMs)),
    stats: async () => JSON.parse(await ask({ socketPath, path: '/stats' })) as CollectorStats,
    requests: async () => JSON.parse(await ask({ socketPath, agent, path: '/requests' })) as unknown,
    close() {
      closing.abort();
      agent.destroy();
    },
  };
}

/** Who answers on the collector's socket. One of another build may tell less. */
export async function readHealth(socketPath: string, signal: AbortSignal): Promise<HealthReply> {
  // The collector's own reply.
  return JSON.parse(await callOnce({ socketPath, path: '/health', signal })) as HealthReply;
}

async function* followBatches(
  socketPath: string,
  options: TailOptions,
): AsyncGenerator<readonly TailEvent[]> {
  const { signal, ...query } = options;
  let resume: TailRequest = query;
  let waitMs = 50;
  while (!signal.aborted) {
    for await (const { events, seq } of readConnection(socketPath, resume, signal)) {
      if (seq !== undefined) resume = { ...query, lines: undefined, afterSeq: seq };
      waitMs = 50;
      if (events.length > 0) yield events;
    }
    await sleep(waitMs, undefined, { signal }).catch(() => undefined);
    waitMs = Math.min(1000, waitMs * 2);
  }
}

/** Events by chunk, with the position to resume from after them; ends when the connection does. */
async function* readConnection(
  socketPath: string,
  body: TailRequest,
  signal: AbortSignal,
): AsyncGenerator<{ events: TailEvent[]; seq: number | undefined }> {
  const decoder = new FrameDecoder();
  let seq: number | undefined;
  try {
    const response = await open({ socketPath, path: '/tail', body, signal });
    response.setEncoding('utf8');
    // With an encoding set, a response gives strings.
    for await (const chunk of response as AsyncIterable<string>) {
      const events: TailEvent[] = [];
      for (const frame of decoder.push(chunk)) seq = pushEvents(frame, seq, events);
      yield { events, seq };
    }
  } catch (error) {
    if (!signal.aborted && !isConnectionError(error)) throw error;
  }
}

function pushEvents(frame: Frame, seq: number | undefined, events: TailEvent[]): number | undefined {
  if (frame.kind === 'idle') {
    events.push(frame);
    return frame.seq;
  }
  if (frame.kind === 'dropped') {
    events.push(frame);
    return seq;
  }
  const run = clipRun(frame.run, seq ?? 0);
  if (run === undefined) return seq;
  for (const line of runLines(run)) events.push({ kind: 'line', line });
  return run.firstSeq + run.lines.length - 1;
}

interface Call {
  readonly socketPath: string;
  readonly path: string;
  readonly body?: unknown;
  readonly agent?: Agent;
  readonly signal?: AbortSignal;
}

/** Repeats a call while the collector is being restarted; throws PaasError `service_unavailable` after the deadline. */
async function callUntil(options: Call & { deadlineMs: number }): Promise<string> {
  const deadline = AbortSignal.timeout(options.deadlineMs);
  for (let waitMs = 50; ; waitMs = Math.min(500, waitMs * 2)) {
    try {
      return await call({ ...options, signal: deadline });
    } catch (cause) {
      if (!isConnectionError(cause) && !deadline.aborted) throw cause;
      await sleep(waitMs, undefined, { signal: deadline }).catch(() => undefined);
      if (deadline.aborted)
        throw new PaasError('service_unavailable', 'The log collector does not answer.', { cause });
    }
  }
}

/** Throws PaasError `service_unavailable` when the call is taken but not answered in time. */
async function callOnce(options: Call & { signal: AbortSignal }): Promise<string> {
  const { signal } = options;
  return await call(options).catch((cause: unknown) => {
    if (!signal.aborted) throw cause;
    throw new PaasError('service_unavailable', 'The log collector stands still: it does not answer.', {
      cause,
    });
  });
}

async function call(options: Call): Promise<string> {
  const response = await open(options);
  response.setEncoding('utf8');
  let text = '';
  for await (const chunk of response as AsyncIterable<string>) text += chunk;
  return text;
}

/** Resolves with the answer's head; rejects on a status other than 2xx. */
async function open(options: Call): Promise<IncomingMessage> {
  const { socketPath, path, body, agent, signal } = options;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const request = httpRequest(
      {
        socketPath,
        path,
        method: body === undefined ? 'GET' : 'POST',
        ...(agent !== undefined && { agent }),
        ...(signal !== undefined && { signal }),
      },
      resolve,
    );
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
  if (response.statusCode === 200) return response;
  const text = await response.toArray().then((chunks) => Buffer.concat(chunks).toString('utf8'));
  throw new Error(`log collector: ${response.statusCode} ${text.slice(0, 200)}`);
}

const CONNECTION_CODES = new Set([
  'ECONNREFUSED',
  'ENOENT',
  'ECONNRESET',
  'EPIPE',
  'ERR_STREAM_PREMATURE_CLOSE',
]);

function isConnectionError(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && CONNECTION_CODES.has(code);
}
