// Requests lost while the platform is used: clients visit two apps all the time, and each verb is done several times.
// A failed request is a connection error, an answer that is not 200, or another app's answer. A WebSocket may end only
// when its dyno is replaced, and not before the drain time is over; a stream never. Exit code 1 if anything failed.
// Usage: node bench/zero-loss.mjs [--times N] [--only VERB,VERB] [--quick]

import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import {
  api,
  buildImage,
  createImageApp,
  releaseImage,
  startDaemon,
  stopDaemon,
  withPaas,
} from './support/paas.mjs';
import { docker, until } from './support/programs.mjs';
import { createTraffic } from './support/traffic.mjs';

const { values } = parseArgs({
  options: {
    times: { type: 'string' },
    only: { type: 'string' },
    quick: { type: 'boolean', default: false },
  },
});
const times = Number(values.times ?? (values.quick ? 2 : 50));
const VISITED = ['gentle', 'abrupt'];
const CLIENTS = { keepAlive: 12, oneShot: 12, pauseMs: 90 };
/** What a verb sets off goes on for a moment after it is done. */
const AFTERWARDS_MS = 300;
const DRAIN_MS = 30_000;
/** What takes the dynos of an app away. */
const REPLACING = new Set(['deploy', 'config:set', 'ps:scale up, down', 'ps:restart', 'rollback']);

/** `gentle` finishes its open requests at SIGTERM, the other dies at once. */
const PROGRAM = `
import base64, hashlib, http.server as s, os, random, signal, sys, threading, time
name, text, gentle = sys.argv[1], sys.argv[2], sys.argv[1] != 'abrupt'
ending = threading.Event()
class H(s.BaseHTTPRequestHandler):
  protocol_version = 'HTTP/1.1'
  disable_nagle_algorithm = True
  wbufsize = -1
  def do_GET(self):
    if ending.is_set(): self.close_connection = True
    if self.path == '/tunnel': return self.tunnel()
    self.send_response(200)
    if self.path == '/stream': return self.stream()
    time.sleep(0.15 if random.random() < 0.05 else 0.002)
    body = f'{name} {text}\\n'.encode()
    self.send_header('Content-Length', str(len(body)))
    if ending.is_set(): self.send_header('Connection', 'close')
    self.end_headers()
    self.wfile.write(body)
  def stream(self):
    self.send_header('Connection', 'close')
    self.end_headers()
    for i in range(40):
      self.wfile.write(f'{name} {i}\\n'.encode()); self.wfile.flush()
      time.sleep(0.5)
    self.wfile.write(b'last\\n')
  def tunnel(self):
    self.send_response(101)
    self.send_header('Connection', 'Upgrade'); self.send_header('Upgrade', 'websocket')
    key = self.headers['Sec-WebSocket-Key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'
    self.send_header('Sec-WebSocket-Accept', base64.b64encode(hashlib.sha1(key.encode()).digest()).decode())
    self.end_headers(); self.wfile.flush()
    self.close_connection = True
    while data := self.connection.recv(4096): self.connection.sendall(data)
  def log_message(self, *a): pass
class S(s.ThreadingHTTPServer):
  request_queue_size = 128
  daemon_threads = True
server = S(('0.0.0.0', int(os.environ['PORT'])), H)
def term(*a):
  if not gentle: os._exit(143)
  ending.set()
  threading.Thread(target=server.shutdown).start()
signal.signal(signal.SIGTERM, term)
server.serve_forever()
time.sleep(1)
`;

await withPaas(async (paas) => {
  const images = await makeImages(paas);
  for (const app of [...VISITED, 'quiet']) {
    await createImageApp(paas, app, images[app][0]);
    await api(paas, 'POST', `/apps/${app}/domains`, { hostname: `www.${app}.test` }).catch(() => undefined);
  }
  await createImageApp(paas, 'other', images.other[0]);
  const traffic = createTraffic(paas, { drainMs: DRAIN_MS });
  for (const app of VISITED) traffic.clients(app, CLIENTS);
  for (const app of [...VISITED, 'quiet']) traffic.tunnels(app);
  const chosen = values.only?.split(',');
  const rows = [];
  for (const [verb, act] of Object.entries(verbs(paas, images))) {
    if (chosen !== undefined && !chosen.includes(verb)) continue;
    traffic.begin(verb);
    const startedAt = performance.now();
    const done = await repeat(traffic, verb, act);
    rows.push({ verb, done });
    const seconds = Math.round((performance.now() - startedAt) / 1000);
    console.error(`${verb}: ${done} in ${seconds} s, ${traffic.failedIn(verb)} failed`);
  }
  // Old dynos with tunnels end when their drain time is over.
  traffic.begin('drains end');
  await until('the old dynos are gone', async () => (await countDynos(paas)) <= VISITED.length + 2, {
    everyMs: 1000,
  });
  rows.push({ verb: 'drains end', done: 1 });
  await traffic.end();
  report(traffic, rows);
});

/** Does a verb as often as wished; what is done to an app is done to both at once, and each counts. */
async function repeat(traffic, verb, act) {
  const targets = act.length > 0 ? VISITED : [undefined];
  let done = 0;
  for (let round = 0; done < times && round < times; round += 1) {
    const results = await Promise.allSettled(
      targets.map(async (app) => {
        const touched = REPLACING.has(verb) ? traffic.touch(app) : () => undefined;
        await act(app, round).finally(touched);
      }),
    );
    done += results.filter(({ status }) => status === 'fulfilled').length;
    for (const { reason } of results) {
      if (reason === undefined) continue;
      console.error(`${verb}: ${reason.message}`);
      process.exitCode = 1;
    }
    await sleep(AFTERWARDS_MS);
  }
  return done;
}

async function makeImages(paas) {
  const images = {};
  for (const app of [...VISITED, 'quiet', 'other']) {
    images[app] = [];
    for (const text of app === 'quiet' ? ['1'] : ['1', '2']) {
      const command = JSON.stringify(['python3', '-c', PROGRAM, app, text]);
      images[app].push(await buildImage(paas, `${app}${text}`, [`CMD ${command}`]));
    }
  }
  return images;
}

/** Each verb, done once to `app` (or to the platform). */
function verbs(paas, images) {
  const call = (method, path, body) => api(paas, method, path, body);
  let passing = 0;
  const scale = (app, quantity) =>
    call('PATCH', `/apps/${app}/formation`, { updates: [{ type: 'web', quantity }] });
  return {
    deploy: async (app, round) => {
      await releaseImage(paas, app, images[app][(round + 1) % 2]);
    },
    'config:set': async (app, round) => {
      await call('PATCH', `/apps/${app}/config-vars`, { ROUND: `${round} ${Date.now()}` });
      await settled(paas, app, 1);
    },
    'ps:scale up, down': async (app) => {
      await scale(app, 3);
      await settled(paas, app, 3);
      await scale(app, 1);
      await settled(paas, app, 1);
    },
    'ps:restart': async (app) => {
      const before = (await docker(dynoFilter(paas, app))).split('\n');
      await call('DELETE', `/apps/${app}/dynos`);
      await until('a new dyno runs', async () =>
        (await docker(dynoFilter(paas, app))).split('\n').some((id) => !before.includes(id)),
      );
      await settled(paas, app, 1);
    },
    rollback: async (app) => {
      const releases = await call('GET', `/apps/${app}/releases`);
      const target = releases.filter(({ status, version }) => status === 'succeeded' && version > 1).at(-2);
      await call('POST', `/apps/${app}/releases`, { release: target.id });
      await settled(paas, app, 1);
    },
    'create, destroy': async () => {
      passing += 1;
      const name = `passing-${passing}`;
      await createImageApp(paas, name, images.other[0]);
      await call('DELETE', `/apps/${name}`);
    },
    domains: async (app, round) => {
      const hostname = `d${round}.${app}.test`;
      await call('POST', `/apps/${app}/domains`, { hostname });
      await call('DELETE', `/apps/${app}/domains/${hostname}`);
    },
    maintenance: async () => {
      await call('PATCH', '/apps/other', { maintenance: true });
      await call('PATCH', '/apps/other', { maintenance: false });
    },
    'router reload': async () => {
      process.kill(
        Number.parseInt(readFileSync(join(paas.dataDir, 'haproxy/haproxy.pid'), 'utf8'), 10),
        'SIGUSR2',
      );
      await sleep(500);
    },
    'paasd SIGTERM': async () => {
      await stopDaemon(paas);
      await sleep(500);
      await startDaemon(paas);
    },
    'paasd kill -9': async () => {
      paas.daemon.kill('SIGKILL');
      if (paas.daemon.signalCode === null) await once(paas.daemon, 'exit');
      await sleep(500);
      await startDaemon(paas);
    },
  };
}

function dynoFilter(paas, app) {
  return ['ps', '-q', '--filter', `label=paas.instance=${paas.instance}`, '--filter', `name=${app}`];
}

async function countDynos(paas) {
  const filter = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  return (await docker(['ps', '-aq', ...filter])).split('\n').filter(Boolean).length;
}

/** Until so many web dynos of the newest release are up. */
async function settled(paas, app, quantity) {
  await until(
    `${app} has ${quantity} dynos up`,
    async () => {
      const [releases, dynos] = [
        await api(paas, 'GET', `/apps/${app}/releases`),
        await api(paas, 'GET', `/apps/${app}/dynos`),
      ];
      const newest = Math.max(...releases.map(({ version }) => version));
      return (
        dynos.length === quantity &&
        dynos.every(({ state, release }) => state === 'up' && release.version === newest)
      );
    },
    { everyMs: 200 },
  );
}

function report(traffic, rows) {
  let total = 0;
  for (const failure of traffic.failures.slice(0, 40)) {
    console.log(`  ${failure.at} ${failure.step}: ${failure.app} ${failure.what}`);
  }
  console.log(`${'verb'.padEnd(18)} ${'done'.padStart(5)}`);
  for (const { verb, done } of rows) {
    const requests = traffic.requests.get(verb) ?? 0;
    total += requests;
    console.log(
      `${verb.padEnd(18)} ${String(done).padStart(5)}   ${traffic.failedIn(verb)} of ${requests} failed`,
    );
  }
  const failed = traffic.failures.filter(({ what }) => !/^(WebSocket|stream)/.test(what)).length;
  const cut = traffic.failures.length - failed;
  const drained =
    traffic.drains.length === 0 ? 'none' : `${(Math.min(...traffic.drains) / 1000).toFixed(1)} s`;
  console.log(`${failed} of ${total} failed`);
  console.log(`${cut} WebSockets and streams cut of ${traffic.opened()}, those of untouched apps included`);
  console.log(
    `WebSockets of replaced dynos: ${traffic.drains.length} ended, the first after ${drained} of drain`,
  );
  if (traffic.failures.length > 0) process.exitCode = 1;
}
