// A time limit for each call to the engine, and an end for each answer that breaks off. An engine that stands still, or one
// whose lock on a single container is never given back, takes calls and never answers; its caller would wait for ever.
// docs/decisions/0200-each-call-to-the-engine-has-a-limit.md

import { type Readable, Stream } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { anySignal } from '../any-signal.js';

/** What sends for dockerode. */
type Modem = Docker['modem'];
type Call = Parameters<Modem['dial']>[0];
type Callback = NonNullable<Parameters<Modem['dial']>[1]>;
type Reply = Parameters<Callback>[1];

const SECOND = 1000;
const MINUTE = 60 * SECOND;

/** What an engine may need on a machine with more work than it can do; the first that matches. */
const LIMITS: readonly (readonly [RegExp, number | undefined])[] = [
  // Their callers give them a signal with a limit of their own.
  [/^POST \/(build|session|images\/create)\b/, undefined],
  [/^POST \/(containers\/[^/]+\/exec|exec\/[^/]+\/start)\b/, undefined],
  [/^POST \/containers\/(create|[^/]+\/start)\b/, 2 * MINUTE],
  [/^POST \/containers\/[^/]+\/stop\b/, MINUTE],
  // A whole slug is copied.
  [/^(POST \/commit|PUT \/containers\/[^/]+\/archive)\b/, 30 * MINUTE],
  // A large layer on a slow disk takes its time.
  [/^DELETE /, 5 * MINUTE],
  [/^GET \/system\/df\b/, 5 * MINUTE],
  [/^GET \/containers\/[^/]+\/(archive|logs)\b/, MINUTE],
  // The loop stands meanwhile, and whoever asks in a terminal gives up after a minute.
  [/^GET /, 30 * SECOND],
  [/^/, MINUTE],
];

/**
 * How long the engine may take to answer, in ms: to the end of an answer that is not a stream, to the head of one that
 * is. Undefined: the caller bounds it. Pure.
 * Where it is a file that is streamed, `piecesInTime` takes the same limit for each piece.
 */
export function callLimitMs({ method, path, options }: Pick<Call, 'method' | 'path' | 'options'>) {
  const call = `${method} ${path}`;
  const limitMs = LIMITS.find(([pattern]) => pattern.test(call))?.[1];
  if (limitMs === undefined) return undefined;
  // Only `stop` has it: the seconds of grace, in which the answer waits.
  const graceSeconds = /\/stop\b/.test(path) ? Number(options?.['t'] ?? 0) : 0;
  return limitMs + graceSeconds * SECOND;
}

/** Bounds all calls of this modem from now on: past the limit they fail as those do that nobody answers. */
export function boundCalls(modem: Modem, limitOf: (call: Call) => number | undefined = callLimitMs): void {
  const dial = modem.dial.bind(modem);
  modem.dial = (call, callback = () => undefined) => {
    const limitMs = limitOf(call);
    const limit = new AbortController();
    const timer =
      limitMs === undefined
        ? undefined
        : setTimeout(() => limit.abort(new SilentEngineError(limitMs)), limitMs);
    const sources = call.abortSignal === undefined ? [] : [call.abortSignal];
    const either = anySignal(limit.signal, ...sources);
    const answer: Callback = (error, reply) => {
      clearTimeout(timer);
      // A stream can be aborted as long as it is read.
      if (reply instanceof Stream) reply.once('close', () => either[Symbol.dispose]());
      else either[Symbol.dispose]();
      callback(limit.signal.aborted ? limit.signal.reason : error, reply);
    };
    const bounded = { ...call, abortSignal: either.signal };
    if (call.isStream || call.hijack || call.openStdin) dial(bounded, answer);
    else dial({ ...bounded, isStream: true }, (error, reply) => readWhole(error, reply, answer));
  };
}

/**
 * The pieces of an answer that the engine has whole, such as a file: throws when the next one does not come in time. Only the
 * time in which a piece is waited for counts, not what the reader does with it. Not for what goes on as long as something
 * happens (events, an attached container): that may be silent for hours.
 */
export async function* piecesInTime(stream: Readable, limitMs: number): AsyncGenerator<Buffer> {
  const pieces: AsyncIterator<Buffer> = stream[Symbol.asyncIterator]();
  try {
    for (;;) {
      const timer = setTimeout(() => stream.destroy(new SilentEngineError(limitMs)), limitMs);
      const piece = await pieces.next().finally(() => clearTimeout(timer));
      if (piece.done) return;
      yield piece.value;
    }
  } finally {
    stream.destroy();
  }
}

/** The engine took a call and did not answer it in time, or not to its end. */
class SilentEngineError extends Error {
  readonly code = 'ETIMEDOUT';

  constructor(ms: number) {
    super(`no answer in ${ms / SECOND} s`);
  }
}

/** dockerode itself waits for ever for the rest of an answer whose connection is cut. */
function readWhole(error: Error | null, reply: Reply, answer: Callback): void {
  if (error) {
    answer(error, null);
    return;
  }
  // Asked for a stream, the modem hands over the HTTP answer.
  buffer(reply as Readable).then(
    (body) => answer(null, parse(body)),
    (failure: Error) => answer(failure, null),
  );
}

/** As dockerode does it: what is no JSON stays bytes. */
function parse(body: Buffer): Reply {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    return body;
  }
}
