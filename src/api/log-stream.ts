// Log lines as a stream of server-sent events: what is there, or what is there and what comes.

import type { TailEvent } from '../logs/client.js';
import type { LogLine } from '../logs/line.js';
import { sseDropped, sseHeartbeat, sseLine, ssePosition } from '../logs/sse.js';

const CHECK_MS = 4000;
const HEARTBEAT_MS = 15_000;

/** The lines, then the end. The short retry time makes clients that reconnect by habit leave at once. */
export async function* finishedStream(read: () => Promise<readonly LogLine[]>): AsyncGenerator<string> {
  yield 'retry: 1\n\n';
  yield (await read()).map(sseLine).join('');
}

/** Lines as they come. Ends when the reader loses access; `stop` then ends the tail behind it. */
export async function* liveStream(
  batches: AsyncIterable<readonly TailEvent[]>,
  options: { hasAccess: () => boolean; stop: AbortController; now: () => number },
): AsyncGenerator<string> {
  const iterator = batches[Symbol.asyncIterator]();
  let next = iterator.next();
  let sentAt = options.now();
  yield sseHeartbeat();
  try {
    while (options.hasAccess()) {
      const result = await within(next, CHECK_MS);
      if (result?.done) return;
      const text =
        result === undefined ? '' : result.value.map((event) => eventText(event, options.now())).join('');
      if (result !== undefined) next = iterator.next();
      if (text === '' && options.now() - sentAt < HEARTBEAT_MS) continue;
      sentAt = options.now();
      yield text === '' ? sseHeartbeat() : text;
    }
  } finally {
    options.stop.abort();
    next.catch(() => undefined);
  }
}

function eventText(event: TailEvent, nowMs: number): string {
  switch (event.kind) {
    case 'line':
      return sseLine(event.line);
    case 'dropped':
      return sseDropped({ ...event, nowUs: nowMs * 1000 });
    case 'idle':
      return ssePosition(event.seq);
  }
}

/** What the promise gives, or undefined when it takes longer. */
async function within<Value>(promise: Promise<Value>, ms: number): Promise<Value | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
