// The program that asks: clients on kept connections, clients with a connection for each request, and per app a WebSocket
// and a streaming response. Argument: TrafficOptions as JSON. It tells its counts as lines of JSON; when its standard input
// ends it finishes what is under way and tells everything.

import { randomBytes } from 'node:crypto';
import { Agent, request } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Cut, FailedRequest, TrafficOptions, TrafficReport } from './traffic.js';

const MAX_TOLD = 200;
const REQUEST_LIMIT_MS = 90_000;
const STREAM_SECONDS = 20;

const options: TrafficOptions = JSON.parse(process.argv[2] ?? '');
const failures: FailedRequest[] = [];
const latencies: number[] = [];
const sockets = { opened: 0, messages: 0, cuts: [] as Cut[] };
const streams = { completed: 0, cuts: [] as Cut[] };
let requests = 0;
let failed = 0;
let isOver = false;

function ask(host: string, agent: Agent, path: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { host: `${host}:${options.port}` };
    const get = request({ host: options.address, port: options.port, path, agent, headers }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < 300) body += text;
      });
      response.once('error', (error) => resolve(`in the body: ${error.message}`));
      response.once('end', () => {
        const title = /<title>(.*?)<\/title>/.exec(body)?.[1] ?? body.slice(0, 80).trim();
        resolve(response.statusCode === 200 ? undefined : `${response.statusCode} ${title}`);
      });
    });
    get.setTimeout(REQUEST_LIMIT_MS, () => get.destroy(new Error('no answer in time')));
    get.once('error', (error: NodeJS.ErrnoException) =>
      resolve(`${error.code ?? error.message}${get.reusedSocket ? ' on a kept connection' : ''}`),
    );
    get.end();
  });
}

async function client(kind: FailedRequest['client'], index: number, clients: number): Promise<void> {
  const agent = new Agent({ keepAlive: kind === 'keep-alive', maxSockets: 1 });
  const host = options.hosts[index % options.hosts.length] ?? '';
  const pauseMs = (clients / options.perSecond) * 1000;
  let next = performance.now() + (pauseMs * index) / clients;
  while (!isOver) {
    await sleep(Math.max(0, next - performance.now()));
    if (isOver) break;
    const startedAt = performance.now();
    next = Math.max(next + pauseMs, startedAt - pauseMs);
    const reason = await ask(host, agent, options.path ?? '/');
    requests += 1;
    latencies.push(performance.now() - startedAt);
    if (reason === undefined) continue;
    failed += 1;
    if (failures.length < MAX_TOLD) failures.push({ at: Date.now(), host, client: kind, reason });
  }
  agent.destroy();
}

/** One after the other, each of 20 s; the last is not waited for. */
async function stream(host: string): Promise<void> {
  while (!isOver) {
    const startedAt = Date.now();
    const reason = await readStream(host);
    if (isOver) return;
    if (reason === undefined) streams.completed += 1;
    else streams.cuts.push({ at: Date.now(), host, afterMs: Date.now() - startedAt, reason });
    if (reason !== undefined) await sleep(100);
  }
}

function readStream(host: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const headers = { host: `${host}:${options.port}` };
    const path = `/stream?seconds=${STREAM_SECONDS}`;
    const get = request({ host: options.address, port: options.port, path, agent: false, headers });
    get.once('error', (error) => resolve(error.message));
    get.once('response', (response) => {
      let text = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text = (text + chunk).slice(-100);
        if (isOver) get.destroy();
      });
      response.once('error', (error) => resolve(error.message));
      response.once('close', () => resolve('closed'));
      response.once('end', () =>
        resolve(text.endsWith('end\n') ? undefined : `${response.statusCode} without its end`),
      );
    });
    get.end();
  });
}

/** A WebSocket that sends a message five times a second and is opened again when it is cut. */
async function socket(host: string): Promise<void> {
  while (!isOver) {
    const startedAt = Date.now();
    const reason = await holdSocket(host);
    if (isOver) return;
    sockets.cuts.push({ at: Date.now(), host, afterMs: Date.now() - startedAt, reason });
    await sleep(100);
  }
}

function holdSocket(host: string): Promise<string> {
  return new Promise((resolve) => {
    const headers = {
      host: `${host}:${options.port}`,
      connection: 'Upgrade',
      upgrade: 'websocket',
      'sec-websocket-version': '13',
      'sec-websocket-key': randomBytes(16).toString('base64'),
    };
    const get = request({ host: options.address, port: options.port, path: '/ws', agent: false, headers });
    get.once('error', (error) => resolve(error.message));
    get.once('response', (response) => {
      response.resume();
      resolve(`answered ${response.statusCode}`);
    });
    get.once('upgrade', (_response, connection: Socket) => {
      sockets.opened += 1;
      let unanswered = 0;
      const timer = setInterval(() => {
        if (isOver) connection.destroy();
        // 25 messages are 5 s.
        else if (unanswered > 25) connection.destroy(new Error('no echo in 5 s'));
        else if (connection.writable) {
          unanswered += 1;
          connection.write(frame('ping'));
        }
      }, 200);
      let reason = 'closed';
      connection.on('data', (bytes: Buffer) => {
        if ((bytes[0] ?? 0) === 0x88) reason = 'closed by the app';
        unanswered = 0;
        sockets.messages += 1;
      });
      connection.on('error', (error) => {
        reason = error.message;
      });
      connection.on('close', () => {
        clearInterval(timer);
        resolve(reason);
      });
    });
    get.end();
  });
}

function frame(text: string): Buffer {
  const payload = Buffer.from(text);
  // An all-zero mask is a mask.
  return Buffer.concat([Buffer.from([0x81, 0x80 | payload.length, 0, 0, 0, 0]), payload]);
}

function report(): TrafficReport {
  const sorted = [...latencies].sort((a, b) => a - b);
  const at = (part: number) => Math.round((sorted[Math.floor(sorted.length * part)] ?? 0) * 10) / 10;
  return {
    requests,
    failed,
    failures,
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    maxMs: Math.round((sorted.at(-1) ?? 0) * 10) / 10,
    sockets,
    streams,
  };
}

const tell = (message: object) => process.stdout.write(`${JSON.stringify(message)}\n`);
const total = options.keepAlive + options.oneShot;
const clients = Array.from({ length: total }, (_, index) =>
  client(index < options.keepAlive ? 'keep-alive' : 'one-shot', index, total),
);
const long = options.longLived === false ? [] : options.hosts.flatMap((host) => [stream(host), socket(host)]);
const telling = setInterval(() => tell({ requests, failed }), 100);
process.stdin.resume();
process.stdin.once('end', async () => {
  isOver = true;
  await Promise.all(clients);
  await Promise.race([Promise.all(long), sleep(2000)]);
  clearInterval(telling);
  tell({ report: report() });
  process.exitCode = 0;
  setTimeout(() => process.exit(), 200);
});
