// The raw call to the engine for where dockerode's own functions lose something (streaming, bodies beside queries).

import type { Readable } from 'node:stream';
import type Docker from 'dockerode';

/** Asks for a streamed answer. Rejects with dockerode's error on another status than 2xx. */
export function dialStream(
  docker: Docker,
  call: {
    method: 'GET' | 'POST';
    path: string;
    query: Readonly<Record<string, unknown>>;
    signal?: AbortSignal | undefined;
  },
): Promise<Readable> {
  return dial<Readable>(docker, { ...call, isStream: true });
}

/** Asks with a query and a JSON body. */
export function dialJson<Reply>(
  docker: Docker,
  call: { method: 'POST'; path: string; query: Readonly<Record<string, unknown>>; body: unknown },
): Promise<Reply> {
  return dial<Reply>(docker, { ...call, isStream: false });
}

function dial<Reply>(
  docker: Docker,
  call: {
    method: string;
    path: string;
    query: Readonly<Record<string, unknown>>;
    body?: unknown;
    isStream: boolean;
    signal?: AbortSignal | undefined;
  },
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    docker.modem.dial(
      {
        path: `${call.path}?`,
        method: call.method,
        options: { _query: call.query, _body: call.body ?? {} },
        isStream: call.isStream,
        ...(call.signal !== undefined && { abortSignal: call.signal }),
        statusCodes: { 200: true, 201: true, 204: true },
      },
      (error: unknown, reply: unknown) => {
        if (error !== null && error !== undefined) {
          reject(error);
          return;
        }
        // The caller names the shape that the API documents for this path.
        resolve(reply as Reply);
      },
    );
  });
}

/** The JSON values of a stream with one a line. */
export async function* readJsonLines(stream: Readable): AsyncGenerator<Record<string, unknown>> {
  let partial = '';
  stream.setEncoding('utf8');
  for await (const chunk of stream) {
    const lines = (partial + String(chunk)).split('\n');
    partial = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') yield JSON.parse(line);
  }
  if (partial.trim() !== '') yield JSON.parse(partial);
}
