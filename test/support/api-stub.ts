// A small HTTP server with the API's shapes, for testing what the command line sends and prints.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createFrameDecoder, encodeFrame } from '../../src/schemas/run-frames.js';

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

type Answer = (request: SeenRequest, reply: ServerResponse) => void | Promise<void>;

/** What the program behind an attach connection does with each frame; `send` writes one back. */
export type Program = (
  frame: { type: number; payload: Buffer },
  send: (type: number, payload: Buffer | string) => void,
) => void;

/** What the program does when the connection opens. */
export type Greeting = (send: (type: number, payload: Buffer | string) => boolean, socket: Socket) => void;

export interface ApiStub extends AsyncDisposable {
  readonly host: string;
  readonly seen: SeenRequest[];
  /** Answers `METHOD /path` (the query is not compared). */
  on(route: string, answer: Answer): void;
  /** Answers with JSON. */
  json(route: string, value: unknown, status?: number): void;
  /** Speaks paas-run/1 at `path`. */
  program(path: string, program: Program, greet?: Greeting): void;
}

export async function startApiStub(): Promise<ApiStub> {
  const answers = new Map<string, Answer>();
  const programs = new Map<string, { program: Program; greet: Greeting | undefined }>();
  const sockets = new Set<Socket>();
  const seen: SeenRequest[] = [];
  const server = createServer(async (incoming, reply) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk);
    const { method = '', url = '', headers } = incoming;
    const request = { method, path: url, headers, body: Buffer.concat(chunks) };
    seen.push(request);
    const answer = answers.get(`${method} ${url.split('?')[0]}`);
    if (answer !== undefined) return await answer(request, reply);
    sendJson(reply, 404, { id: 'not_found', message: "Couldn't find that app." });
  });
  server.on('upgrade', (incoming: IncomingMessage, socket: Socket) => {
    const found = programs.get((incoming.url ?? '').split('?')[0] ?? '');
    if (found === undefined || incoming.headers.upgrade !== 'paas-run/1') return void socket.destroy();
    socket.on('error', () => {});
    const send = (type: number, payload: Buffer | string) => socket.write(encodeFrame(type, payload));
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: paas-run/1\r\n\r\n');
    found.greet?.(send, socket);
    const decode = createFrameDecoder({ maxPayloadBytes: 1024 ** 2 });
    socket.on('data', (chunk) => {
      for (const frame of decode(chunk)) found.program(frame, send);
    });
  });
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `http://paas.localhost:${port}`,
    seen,
    on: (route, answer) => answers.set(route, answer),
    json: (route, value, status = 200) =>
      answers.set(route, (_request, reply) => sendJson(reply, status, value)),
    program: (path, program, greet) => programs.set(path, { program, greet }),
    [Symbol.asyncDispose]: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      await once(server, 'close');
    },
  };
}

export function sendJson(reply: ServerResponse, status: number, value: unknown): void {
  reply.writeHead(status, { 'content-type': 'application/json' });
  reply.end(JSON.stringify(value));
}
