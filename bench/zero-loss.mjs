// Requests lost while the platform is used: clients visit two apps all the time, and each verb is done several times.
// A failed request is a connection error, an answer that is not 200, or another app's answer. Exit code 1 if there is one.
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
const times = Number(values.times ?? (values.quick ? 1 : 5));
const VISITED = ['gentle', 'abrupt'];
const CLIENTS = { keepAlive: 12, oneShot: 12, pauseMs: 90 };
/** What a verb sets off goes on for a moment after it is done. */
const AFTERWARDS_MS = 700;

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
  const traffic = createTraffic(paas);
  for (const app of VISITED) traffic.clients(app, CLIENTS);
  for (const app of [...VISITED, 'quiet']) traffic.tunnels(app);
  const chosen = values.only?.split(',');
  const rows = [];
  for (const [verb, act] of Object.entries(verbs(paas, images, traffic))) {
    if (chosen !== undefined && !chosen.includes(verb)) continue;
    traffic.begin(verb);
    let done = 0;
    for (let round = 0; round < times; round += 1) {
      try {
        await act(VISITED[round % VISITED.length], round);
        done += 1;
      } catch (error) {
        console.error(`${verb}: ${error.message}`);
        process.exitCode = 1;
      }
      await sleep(AFTERWARDS_MS);
    }
    rows.push({ verb, done });
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
function verbs(paas, images, traffic) {
  const call = (method, path, body) => api(paas, method, path, body);
  const scale = (app, quantity) =>
    call('PATCH', `/apps/${app}/formation`, { updates: [{ type: 'web', quantity }] });
  return {
    deploy: async (app, round) => {
      traffic.touch(app);
      await releaseImage(paas, app, images[app][Math.floor(round / 2 + 1) % 2]);
      traffic.touch(app);
    },
    'config:set': async (app, round) => {
      traffic.touch(app);
      await call('PATCH', `/apps/${app}/config-vars`, { ROUND: `${round} ${Date.now()}` });
      await settled(paas, app, 1);
      traffic.touch(app);
    },
    'ps:scale': async (app) => {
      traffic.touch(app);
      await scale(app, 3);
      await settled(paas, app, 3);
      await scale(app, 1);
      await settled(paas, app, 1);
      traffic.touch(app);
    },
    'ps:restart': async (app) => {
      const before = (await docker(dynoFilter(paas, app))).split('\n');
      traffic.touch(app);
      await call('DELETE', `/apps/${app}/dynos`);
      await until('a new dyno runs', async () =>
        (await docker(dynoFilter(paas, app))).split('\n').some((id) => !before.includes(id)),
      );
      await settled(paas, app, 1);
      traffic.touch(app);
    },
    rollback: async (app) => {
      const releases = await call('GET', `/apps/${app}/releases`);
      const target = releases.filter(({ status, version }) => status === 'succeeded' && version > 1).at(-2);
      traffic.touch(app);
      await call('POST', `/apps/${app}/releases`, { release: target.id });
      await settled(paas, app, 1);
      traffic.touch(app);
    },
    'create, destroy': async (_app, round) => {
      const name = `passing-${round}`;
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
      await sleep(1000);
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
  console.log(`${'verb'.padEnd(18)} ${'done'.padStart(5)} ${'requests'.padStart(9)} ${'failed'.padStart(7)}`);
  for (const { verb, done } of rows) {
    const requests = traffic.requests.get(verb) ?? 0;
    const failed = traffic.failures.filter(({ step }) => step === verb).length;
    total += requests;
    console.log(
      `${verb.padEnd(18)} ${String(done).padStart(5)} ${String(requests).padStart(9)} ${String(failed).padStart(7)}`,
    );
  }
  const failed = traffic.failures.length;
  console.log(`${failed} of ${total} failed`);
  if (failed > 0) process.exitCode = 1;
}
