// Visitors of apps: clients with and without keep-alive, WebSockets and long answers. What goes wrong is kept with the
// name of what was being done at the time.

import { randomBytes } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

const ANSWER_LIMIT_MS = 25_000;
const BEAT_MS = 500;

/** Starts nothing by itself; `httpPort` is the router's. */
export function createTraffic({ httpPort, host }, { drainMs }) {
  const life = new AbortController();
  setMaxListeners(0, life.signal);
  const visitors = [];
  const failures = [];
  /** App -> spans of time in which something was done that replaces its dynos. */
  const touched = new Map();
  const drains = [];
  let opened = 0;
  let step = 'start';
  const requests = new Map();

  function count() {
    requests.set(step, (requests.get(step) ?? 0) + 1);
  }

  function fail(app, what) {
    if (!life.signal.aborted) failures.push({ step, app, what, at: new Date().toISOString().slice(11, 23) });
  }

  function visit(work) {
    visitors.push(work());
  }

  async function client(app, agent, pauseMs) {
    while (!life.signal.aborted) {
      count();
      const before = performance.now();
      const error = await ask({ httpPort, host: host(app), agent }, `${app} `).catch((e) => e);
      if (error !== undefined)
        fail(
          app,
          `${agent ? 'keep-alive' : 'one-shot'}: ${error.message} after ${Math.round(performance.now() - before)} ms`,
        );
      await sleep(pauseMs * (0.5 + Math.random()));
    }
    agent?.destroy();
  }

  /** Answers that take 20 seconds, one after the other: each must come whole, whatever happens to its dyno. */
  async function stream(app) {
    while (!life.signal.aborted) {
      count();
      opened += 1;
      const options = { httpPort, host: host(app), path: '/stream', signal: life.signal };
      const error = await ask(options, `${app} `, 'last\n').catch((e) => e);
      if (error !== undefined) fail(app, `stream: ${error.message}`);
      if (error !== undefined) await sleep(BEAT_MS);
    }
  }

  /** An open WebSocket may end only after its app was changed by `touch`. */
  async function webSocket(app) {
    while (!life.signal.aborted) {
      count();
      opened += 1;
      const openedAt = performance.now();
      const error = await talk({ httpPort, host: host(app), signal: life.signal }).catch((e) => e);
      const lived = Math.round(performance.now() - openedAt);
      const span = (touched.get(app) ?? []).find(({ to }) => to >= openedAt);
      const drained = span === undefined ? 0 : performance.now() - Math.max(span.from, openedAt);
      if (drained < drainMs)
        fail(app, `WebSocket: ${error.message} after ${lived} ms, ${Math.round(drained)} of drain`);
      else drains.push(drained);
      await sleep(BEAT_MS);
    }
  }

  return {
    failures,
    requests,
    /** How long WebSockets of replaced dynos lived on, in ms. */
    drains,
    /** How many WebSockets and streams there were. */
    opened: () => opened,
    failedIn: (name) => failures.filter(({ step: at }) => at === name).length,
    /** What is being done now. */
    begin(name) {
      step = name;
    },
    /** From now on the dynos of this app are being replaced; call the result when they have been. */
    touch(app) {
      const span = { from: performance.now(), to: Number.POSITIVE_INFINITY };
      touched.set(app, [...(touched.get(app) ?? []), span]);
      return () => {
        span.to = performance.now();
      };
    },
    clients(app, { keepAlive, oneShot, pauseMs }) {
      for (let i = 0; i < keepAlive; i += 1) {
        visit(() => client(app, new Agent({ keepAlive: true, maxSockets: 1 }), pauseMs));
      }
      for (let i = 0; i < oneShot; i += 1) visit(() => client(app, undefined, pauseMs));
    },
    tunnels(app) {
      visit(() => stream(app));
      visit(() => webSocket(app));
    },
    async end() {
      life.abort();
      await Promise.all(visitors);
    },
  };
}

/** One request; throws unless a whole answer 200 comes that starts and ends as it should. */
function ask({ httpPort, host, path = '/', agent, signal }, start, end = '\n') {
  return new Promise((resolve, reject) => {
    const call = request({
      host: '127.0.0.1',
      port: httpPort,
      path,
      agent: agent ?? false,
      headers: { host },
      timeout: ANSWER_LIMIT_MS,
      signal,
    });
    call.once('timeout', () => call.destroy(new Error('no answer in time')));
    call.once('error', reject);
    call.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.once('error', reject).once('end', () => {
        if (response.statusCode === 200 && body.startsWith(start) && body.endsWith(end)) resolve();
        else reject(new Error(`${response.statusCode} ${JSON.stringify(body.slice(-300))}`));
      });
    });
    call.end();
  });
}

/** Says something twice a second and wants it back; rejects when the tunnel ends or falls silent. */
function talk({ httpPort, host, signal }) {
  return new Promise((_, reject) => {
    let timer;
    const call = request({
      host: '127.0.0.1',
      port: httpPort,
      path: '/tunnel',
      agent: false,
      headers: {
        host,
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': randomBytes(16).toString('base64'),
      },
      signal,
    });
    const end = (error) => {
      clearInterval(timer);
      call.destroy();
      reject(error);
    };
    call.once('error', end);
    call.once('response', (response) => end(new Error(`not upgraded: ${response.statusCode}`)));
    call.once('upgrade', (_response, socket) => {
      let unanswered = 0;
      socket.on('data', () => {
        unanswered = 0;
      });
      socket.once('error', end).once('close', () => end(new Error('closed')));
      signal.addEventListener('abort', () => socket.destroy(), { once: true });
      timer = setInterval(() => {
        unanswered += 1;
        if (unanswered > ANSWER_LIMIT_MS / BEAT_MS) socket.destroy(new Error('silent'));
        else socket.write('beat\n');
      }, BEAT_MS);
    });
    call.end();
  });
}
