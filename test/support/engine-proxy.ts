// A proxy in front of a Docker engine's socket that can lie: lose an answer, answer an error for what was done, delay, cut
// or silence the event stream, change an answer's text. What no rule asks for passes as it is, upgraded connections too.

import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';

export type Lie =
  /** The engine does it; the connection breaks before the answer. */
  | { readonly kind: 'lose-answer' }
  /** The engine does it (or, with `isDone` false, does not), and the answer is this status. */
  | { readonly kind: 'answer'; readonly status: number; readonly isDone: boolean }
  | { readonly kind: 'delay'; readonly ms: number }
  /** The answer's text is changed. */
  | { readonly kind: 'rewrite'; readonly change: (text: string) => string }
  /** A stream that stays open and says nothing. */
  | { readonly kind: 'silence' }
  /** Nobody listens: the connection breaks, and the engine hears nothing. */
  | { readonly kind: 'refuse' };

export interface EngineProxy extends AsyncDisposable {
  readonly socketPath: string;
  /** Lies about calls such as `POST /v1.41/containers/create` that match; `times` of them, or all. */
  lie(call: RegExp, lie: Lie, times?: number): LieInForce;
  /** Breaks all open connections whose call matches; returns how many. */
  cut(call: RegExp): number;
  /** Breaks all that is open, and refuses everything until it is stopped. */
  cutOff(): LieInForce;
  /** No lie is in force any more. */
  tellTruth(): void;
}

export interface LieInForce {
  /** How often it was told. */
  readonly told: number;
  stop(): void;
}

interface Rule {
  readonly call: RegExp;
  readonly lie: Lie;
  left: number;
  told: number;
}

/** Listens on `socketPath` until it is disposed. */
export async function openEngineProxy(paths: { socketPath: string; engine: string }): Promise<EngineProxy> {
  const { socketPath, engine } = paths;
  const rules: Rule[] = [];
  const open = new Map<Socket, string>();
  const lieFor = (call: string): Lie | undefined => {
    const rule = rules.find((each) => each.left > 0 && each.call.test(call));
    if (rule === undefined) return undefined;
    rule.left -= 1;
    rule.told += 1;
    return rule.lie;
  };
  const server = createServer((asked, answer) => {
    const call = `${asked.method} ${asked.url}`;
    if (!open.has(asked.socket)) asked.socket.once('close', () => open.delete(asked.socket));
    open.set(asked.socket, call);
    const lie = lieFor(call);
    const ms = lie?.kind === 'delay' ? lie.ms : 0;
    if (lie?.kind === 'refuse') asked.socket.destroy();
    else setTimeout(() => pass({ engine, asked, answer, lie }), ms);
  });
  server.on('upgrade', (asked: IncomingMessage, socket: Socket, head: Buffer) => {
    const call = `${asked.method} ${asked.url}`;
    open.set(socket, call);
    socket.once('close', () => open.delete(socket));
    const lie = lieFor(call);
    if (lie?.kind === 'refuse') {
      socket.destroy();
      return;
    }
    const upstream = connect(engine);
    for (const side of [socket, upstream]) side.on('error', () => undefined);
    const headers = asked.rawHeaders
      .map((text, index) => (index % 2 === 0 ? `${text}: ` : `${text}\r\n`))
      .join('');
    upstream.write(`${asked.method} ${asked.url} HTTP/1.1\r\n${headers}\r\n`);
    upstream.write(head);
    if (lie?.kind === 'lose-answer') upstream.once('data', () => socket.destroy());
    else upstream.pipe(socket);
    socket.pipe(upstream);
    upstream.once('close', () => socket.destroy());
    socket.once('close', () => upstream.destroy());
  });
  rmSync(socketPath, { force: true });
  server.listen(socketPath);
  await once(server, 'listening');
  const proxy: EngineProxy = {
    socketPath,
    lie(call, lie, times = Number.POSITIVE_INFINITY) {
      const rule: Rule = { call, lie, left: times, told: 0 };
      rules.push(rule);
      return {
        get told() {
          return rule.told;
        },
        stop() {
          rule.left = 0;
        },
      };
    },
    cut(call) {
      const matching = [...open].filter(([, each]) => call.test(each));
      for (const [socket] of matching) socket.destroy();
      return matching.length;
    },
    cutOff() {
      const refusal = proxy.lie(/^/, { kind: 'refuse' });
      proxy.cut(/^/);
      return refusal;
    },
    tellTruth() {
      for (const rule of rules) rule.left = 0;
    },
    async [Symbol.asyncDispose]() {
      server.close();
      for (const socket of open.keys()) socket.destroy();
      server.closeAllConnections();
    },
  };
  return proxy;
}

function pass(parts: {
  engine: string;
  asked: IncomingMessage;
  answer: ServerResponse;
  lie: Exclude<Lie, { kind: 'refuse' }> | undefined;
}): void {
  const { engine, asked, answer, lie } = parts;
  if (lie?.kind === 'answer' && !lie.isDone) {
    asked.resume();
    sendStatus(answer, lie.status);
    return;
  }
  const upstream = request({
    socketPath: engine,
    method: asked.method,
    path: asked.url,
    headers: asked.headers,
  });
  upstream.once('error', () => answer.destroy());
  answer.once('close', () => upstream.destroy());
  upstream.once('response', (told) => tell(told, answer, lie));
  asked.pipe(upstream);
}

function tell(
  told: IncomingMessage,
  answer: ServerResponse,
  lie: Exclude<Lie, { kind: 'refuse' }> | undefined,
): void {
  told.on('error', () => answer.destroy());
  if (lie === undefined || lie.kind === 'delay') {
    answer.writeHead(told.statusCode ?? 500, told.headers);
    answer.flushHeaders();
    told.pipe(answer);
    return;
  }
  if (lie.kind === 'silence') {
    answer.writeHead(told.statusCode ?? 500, told.headers);
    answer.flushHeaders();
    told.resume();
    return;
  }
  let text = '';
  told.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  told.once('end', () => {
    if (lie.kind === 'lose-answer') answer.destroy();
    else if (lie.kind === 'answer') sendStatus(answer, lie.status);
    else {
      const { 'content-length': _, 'transfer-encoding': __, ...headers } = told.headers;
      answer.writeHead(told.statusCode ?? 500, headers);
      answer.end(lie.change(text));
    }
  });
}

function sendStatus(answer: ServerResponse, status: number): void {
  answer.writeHead(status, { 'content-type': 'application/json' });
  answer.end('{"message":"an error of the test"}');
}
