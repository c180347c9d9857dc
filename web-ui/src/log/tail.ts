// Keeps one live tail open: makes the log session, reads its events, and after a break connects again
// with Last-Event-ID. What it reads goes to a sink; lines that come twice are the sink's to recognise.
import { ApiError, type Client } from '../api/client.js';
import { type LogEntry, parseLogLine } from './line.js';
import { createSseParser, type SseEvent } from './sse.js';

/** Where the tail is: `connecting` before the first answer, `reconnecting` after a break, `gone` when there is no such app. */
export type TailState = 'connecting' | 'live' | 'reconnecting' | 'gone';

export interface TailSink {
  lines(entries: LogEntry[]): void;
  /** The server had to leave out lines. */
  dropped(count: number): void;
  state(state: TailState): void;
  lastId(): number | undefined;
}

const firstLines = 1000;
const silenceMs = 45_000; // three missed heartbeats
const waitsMs = [300, 700, 1500, 3000, 5000];

interface TailOptions {
  client: Client;
  app: string;
  sink: TailSink;
  signal: AbortSignal;
}

/** Runs until the signal aborts or the app is gone. Never throws. */
export async function runTail(options: TailOptions): Promise<void> {
  const { sink, signal } = options;
  const session: Session = { url: undefined, failures: 0 };
  sink.state('connecting');
  while (!signal.aborted) {
    const isGone = await tryOnce(options, session);
    if (signal.aborted) return;
    if (isGone) return sink.state('gone');
    sink.state('reconnecting');
    await pause(waitsMs[Math.min(session.failures, waitsMs.length - 1)] ?? 5000, signal);
    session.failures += 1;
  }
}

interface Session {
  url: string | undefined;
  failures: number;
}

/** Reads until the stream breaks; true when there is no such app any more. */
async function tryOnce(options: TailOptions, session: Session): Promise<boolean> {
  const { client, app, sink, signal } = options;
  const onLive = () => {
    session.failures = 0;
  };
  try {
    session.url ??= await client.openLogSession(app, firstLines, signal);
    await readSession({ client, url: session.url, sink, signal, onLive });
  } catch (error) {
    if (!(error instanceof ApiError) || error.isUnreachable) return false;
    if (error.status === 404 && session.url === undefined) return true;
    // A session that is refused has run out: the next round asks for a new one.
    session.url = undefined;
  }
  return false;
}

async function readSession(options: {
  client: Client;
  url: string;
  sink: TailSink;
  signal: AbortSignal;
  onLive: () => void;
}): Promise<void> {
  const { client, url, sink } = options;
  const silence = new AbortController();
  const signal = AbortSignal.any([options.signal, silence.signal]);
  let timer = setTimeout(() => silence.abort(), silenceMs);
  try {
    const lastId = sink.lastId();
    const chunks = await client.stream(url, {
      signal,
      ...(lastId === undefined ? {} : { lastEventId: String(lastId) }),
    });
    sink.state('live');
    options.onLive();
    const parse = createSseParser();
    for await (const chunk of chunks) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), silenceMs);
      deliver(parse(chunk), sink);
    }
  } finally {
    clearTimeout(timer);
  }
}

function deliver(events: SseEvent[], sink: TailSink): void {
  const entries: LogEntry[] = [];
  for (const { id, event, data } of events) {
    if (event === 'dropped') sink.dropped(droppedCount(data));
    if (event === 'message' && id !== undefined) entries.push(parseLogLine(Number(id), data));
  }
  if (entries.length > 0) sink.lines(entries);
}

function droppedCount(data: string): number {
  try {
    const { count } = JSON.parse(data) as { count?: unknown };
    return typeof count === 'number' ? count : 0;
  } catch {
    return 0;
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    const stop = () => {
      clearTimeout(timer);
      resolve();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}
