// Follows an output stream (a build, a release command) to its end; the stream always replays from the start.

import type { Writable } from 'node:stream';
import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from './api-client.js';
import { ApiError, CliError } from './cli-error.js';
import { printable } from './printable.js';
import type { Session } from './session.js';
import { writeTo } from './write-stream.js';

const MAX_FAILURES = 8;
const RETRY_MS = 500;

export interface CopiedOutput {
  readonly lastLine: string;
  /** The connection broke, so what was to come may never have been written. */
  readonly wasCut: boolean;
}

/** Copies a whole output; when the connection breaks it is opened again and goes on where it stopped. */
export async function copyOutput(
  session: Pick<Session, 'signal'>,
  api: ApiClient,
  output: { url: string; to: Writable & { isTTY?: boolean } },
): Promise<CopiedOutput> {
  let wasCut = false;
  const copied = { bytes: 0, lastLine: '' };
  for (let failures = 1; ; failures += 1) {
    const before = copied.bytes;
    try {
      await copyOnce(session, api, { ...output, copied });
      return { lastLine: copied.lastLine, wasCut };
    } catch (error) {
      if (session.signal.aborted || isFinal(error)) throw error;
      if (copied.bytes > before) {
        failures = 1;
        wasCut = true;
      }
      if (failures >= MAX_FAILURES) throw cutOff(error);
    }
    await delay(RETRY_MS * failures, undefined, { signal: session.signal });
  }
}

/** 404 is an output that has not begun, 5xx a daemon that is being restarted. */
function isFinal(error: unknown): boolean {
  return error instanceof ApiError && error.status !== 404 && error.status < 500;
}

function cutOff(error: unknown): CliError {
  return new CliError('The output was cut off.', {
    hint: error instanceof Error ? error.message : String(error),
    cause: error,
  });
}

async function copyOnce(
  { signal }: Pick<Session, 'signal'>,
  api: ApiClient,
  output: { url: string; to: Writable & { isTTY?: boolean }; copied: { bytes: number; lastLine: string } },
): Promise<void> {
  const { to, copied } = output;
  const decoder = new TextDecoder();
  let skip = copied.bytes;
  const reply = await api.stream(output.url);
  for await (const chunk of reply as AsyncIterable<Buffer>) {
    const fresh = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - fresh.length;
    if (fresh.length === 0) continue;
    copied.bytes += fresh.length;
    const text = decoder.decode(fresh, { stream: true });
    copied.lastLine = lastLine(copied.lastLine + text);
    await writeTo(to, to.isTTY ? printable(text) : fresh, signal);
  }
  if (!reply.complete) throw new CliError('The connection broke.');
}

/** The last line that is not blank, as far as it has come, kept short. */
function lastLine(text: string): string {
  const end = text.replace(/\n+$/, '');
  const line = end.slice(end.lastIndexOf('\n') + 1).slice(0, 1000);
  return text.endsWith('\n') ? `${line}\n` : line;
}
