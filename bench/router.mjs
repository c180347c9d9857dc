// Requests per second and p99 through HAProxy as paasd configures it, next to an nginx that is configured by hand, and to
// the backend itself. The proxies have a core of their own; generator, backend and log collector share the other one.
// Usage: node bench/router.mjs [--rounds N] [--seconds N] [--connections N] [--quick]. Needs wrk, nginx, gcc, taskset.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { median, parameters, printRatio } from './support/figures.mjs';
import { untilAnswers } from './support/http.mjs';
import { buildImage, createImageApp, withPaas } from './support/paas.mjs';
import { findProcesses, isAlive, pin } from './support/processes.mjs';
import { docker, freePort, run } from './support/programs.mjs';

const options = parameters({ rounds: 5, seconds: 8, connections: 64 }, { rounds: 2, seconds: 3 });
const PROXY_CORE = '1';
const OTHER_CORE = '0';

await withPaas(async (paas) => {
  await createImageApp(paas, 'bench-router', await backendImage(paas));
  const container = await dynoContainer(paas);
  const backend = `${container.ip}:5000`;
  const nginx = await startNginx(paas, backend);
  try {
    const sides = {
      haproxy: { url: `http://127.0.0.1:${paas.httpPort}/`, host: paas.host('bench-router') },
      nginx: { url: `http://127.0.0.1:${nginx.port}/`, host: paas.host('bench-router') },
      direct: { url: `http://${backend}/`, host: backend },
    };
    const haproxy = findProcesses(join(paas.dataDir, 'haproxy/haproxy.cfg'));
    const collector = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
    const others = [paas.daemon.pid, collector, container.pid];
    const every = `0-${cpus().length - 1}`;
    const nginxPids = () => [nginx.child.pid, ...childrenOf(nginx.child.pid)];

    for (const pid of [...haproxy, ...nginxPids()]) await pin(pid, PROXY_CORE);
    for (const pid of others) await pin(pid, OTHER_CORE);
    const pinned = await measure(sides, ['taskset', '-c', OTHER_CORE]);
    print(`proxy on core ${PROXY_CORE}, generator, backend and log collector on core ${OTHER_CORE}`, pinned);

    for (const pid of [...haproxy, ...nginxPids(), ...others]) await pin(pid, every);
    const free = await measure(sides, []);
    print(`nothing pinned (${cpus().length} cores for all)`, free);

    for (const [name, results] of Object.entries({ 'router-unpinned': free, router: pinned })) {
      printRatio(name, ratio(results, 'rate'), '>=0.9');
      printRatio(`${name}-p99`, ratio(results, 'p99Ms'), '<=1.2');
    }
  } finally {
    nginx.child.kill('SIGTERM');
    if (isAlive(nginx.child.pid)) await once(nginx.child, 'exit');
  }
});

async function backendImage(paas) {
  const context = join(paas.dataDir, 'backend');
  mkdirSync(context);
  const source = join(import.meta.dirname, 'support/static-server.c');
  await run('gcc', ['-O2', '-static', '-o', join(context, 'server'), source]);
  return await buildImage(paas, 'backend', ['COPY server /server', 'CMD ["/server"]'], { context });
}

async function dynoContainer(paas) {
  const filter = ['--filter', `label=paas.instance=${paas.instance}`, '--filter', 'label=paas.role=dyno'];
  const id = await docker(['ps', '-q', ...filter]);
  const [details] = JSON.parse(await docker(['inspect', id]));
  const [network] = Object.values(details.NetworkSettings.Networks);
  return { ip: network.IPAddress, pid: details.State.Pid };
}

/** A quick proxy for the same job: keep-alive, the headers that our router adds, an access log with the fields of its lines. */
async function startNginx(paas, backend) {
  const port = await freePort();
  const dir = join(paas.dataDir, 'nginx');
  mkdirSync(dir);
  const config = join(dir, 'nginx.conf');
  writeFileSync(
    config,
    `daemon off;
worker_processes 1;
pid ${dir}/nginx.pid;
error_log ${dir}/error.log;
events { worker_connections 4096; }
http {
  log_format router '$time_iso8601 at=info method=$request_method path="$request_uri" host=$host request_id=$request_id '
    'fwd="$remote_addr" dyno=$upstream_addr connect=$upstream_connect_time service=$upstream_response_time '
    'status=$status bytes=$bytes_sent protocol=$server_protocol tls=$https';
  access_log ${dir}/access.log router;
  keepalive_requests 1000000;
  client_body_temp_path ${dir}/body;
  proxy_temp_path ${dir}/proxy;
  fastcgi_temp_path ${dir}/fastcgi;
  uwsgi_temp_path ${dir}/uwsgi;
  scgi_temp_path ${dir}/scgi;
  upstream app { server ${backend}; keepalive 128; keepalive_requests 1000000; }
  server {
    listen 127.0.0.1:${port};
    location / {
      proxy_pass http://app;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Port $server_port;
      proxy_set_header X-Request-Id $request_id;
      proxy_set_header X-Request-Start $msec;
      proxy_set_header Via "1.1 nginx";
    }
  }
}
`,
  );
  const child = spawn('nginx', ['-c', config, '-e', join(dir, 'error.log')], { stdio: 'ignore' });
  await untilAnswers({ port });
  return { child, port };
}

function childrenOf(pid) {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();
  return text === '' ? [] : text.split(' ').map(Number);
}

/** Rounds of one after the other, so that a slow minute of the machine meets all sides. */
async function measure(sides, prefix) {
  const results = Object.fromEntries(Object.keys(sides).map((name) => [name, []]));
  for (const side of Object.values(sides)) await load(side, prefix, 1);
  for (let round = 0; round < options.rounds; round += 1) {
    for (const [name, side] of Object.entries(sides))
      results[name].push(await load(side, prefix, options.seconds));
  }
  return results;
}

async function load({ url, host }, prefix, duration) {
  const wrk = [
    'wrk',
    '-t1',
    `-c${options.connections}`,
    `-d${duration}s`,
    '--latency',
    '-H',
    `Host: ${host}`,
    url,
  ];
  const [program, ...args] = [...prefix, ...wrk];
  const { stdout } = await run(program, args);
  const wrong = /(Non-2xx|Socket errors).*/.exec(stdout);
  if (wrong !== null) console.log(`  ${url}: ${wrong[0]}`);
  const [, value, unit] = /99%\s+([\d.]+)(us|ms|s)/.exec(stdout);
  return {
    rate: Number(/Requests\/sec:\s+([\d.]+)/.exec(stdout)[1]),
    p99Ms: Number(value) * { us: 0.001, ms: 1, s: 1000 }[unit],
  };
}

function print(title, results) {
  console.log(`${title}; ${options.connections} connections:`);
  for (const [name, rounds] of Object.entries(results)) {
    const rates = rounds.map(({ rate }) => Math.round(rate));
    const p99 = median(rounds.map(({ p99Ms }) => p99Ms)).toFixed(2);
    console.log(`  ${name.padEnd(8)} ${median(rates)} requests/s (${rates.join(', ')}), p99 ${p99} ms`);
  }
}

function ratio({ haproxy, nginx }, figure) {
  const medianOf = (rounds) => median(rounds.map((round) => round[figure]));
  return medianOf(haproxy) / medianOf(nginx);
}
