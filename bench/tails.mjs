// Live tails as users have them (server-sent events over the router): one of a process that writes a little over 20,000
// lines a second, with each line accounted for; and the delay of lines at 1,000 a second with 50 tails, next to 50 `docker logs -f` of the
// same kind of container. Usage: node bench/tails.mjs [--seconds N] [--tails N] [--rate N] [--quick]. Needs gcc.

import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { parameters, printRatio } from './support/figures.mjs';
import { api, buildImage, createImageApp, withPaas } from './support/paas.mjs';
import { cpuSecondsOf, memoryOf } from './support/processes.mjs';
import { docker, run, until } from './support/programs.mjs';

const options = parameters({ seconds: 20, tails: 50, rate: 20_400, many: 200 }, { seconds: 5 });
const SLOW_RATE = 1000;
const MANY_RATE = 100;
const APP = 'bench-tails';

await withPaas(async (paas) => {
  const image = await writerImage(paas);
  await createImageApp(paas, APP, image);

  const lines = options.rate * options.seconds;
  const [flooded] = await follow(paas, 1, options.rate);
  const accounted = flooded.delivered + flooded.dropped;
  console.log(
    `one tail of ${options.rate} lines/s for ${options.seconds} s: written ${lines} = delivered ${flooded.delivered} + told as dropped ${flooded.dropped}, out of order ${flooded.disorder}; ${Math.round(flooded.delivered / flooded.seconds)} lines/s`,
  );
  printRatio('tail-lines-per-second', flooded.delivered / flooded.seconds, '>=20000');
  printRatio('tail-lines-unaccounted', Math.abs(lines - accounted) + flooded.disorder, '<=0');

  const ours = delays(await follow(paas, options.tails, SLOW_RATE));
  const theirs = delays(await followEngine(paas, image));
  const show = ({ p50, p99, count }) =>
    `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms of ${count} lines`;
  console.log(`${options.tails} tails of ${SLOW_RATE} lines/s: ${show(ours)}`);
  console.log(`${options.tails} docker logs -f of the same: ${show(theirs)}`);
  printRatio('tail-delay-p99-ms', ours.p99, '<=200');
  const { rssMb } = memoryOf(paas.daemon.pid);
  printRatio('tails-daemon-rss-mb', rssMb, '<=150');

  const pids = [paas.daemon.pid, Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'))];
  const cpuSeconds = () => pids.map(cpuSecondsOf);
  const before = cpuSeconds();
  const startedAt = performance.now();
  const many = delays(await follow(paas, options.many, MANY_RATE));
  const elapsed = (performance.now() - startedAt) / 1000;
  const [daemon, collector] = cpuSeconds().map((after, index) => ((after - before[index]) / elapsed) * 100);
  console.log(
    `${options.many} tails of ${MANY_RATE} lines/s: ${show(many)}; CPU of a core, their opening included: daemon ${daemon.toFixed(1)} %, collector ${collector.toFixed(1)} %`,
  );
  printRatio('many-tails-delay-p99-ms', many.p99, '<=500');
  printRatio('many-tails-cpu-percent', daemon + collector, '<=20');
});

function delays(readers) {
  const all = readers.flatMap((reader) => reader.delaysMs).sort((a, b) => a - b);
  const at = (share) => all[Math.floor((all.length - 1) * share)];
  return { p50: at(0.5), p99: at(0.99), count: all.length };
}

/** An image that answers on its port, and has the writer for dynos of their own. */
async function writerImage(paas) {
  const context = join(paas.dataDir, 'writer');
  mkdirSync(context);
  for (const name of ['static-server', 'line-writer']) {
    const source = join(import.meta.dirname, `support/${name}.c`);
    await run('gcc', ['-O2', '-w', '-static', '-o', join(context, name), source]);
  }
  return await buildImage(paas, 'writer', ['COPY static-server line-writer /', 'CMD ["/static-server"]'], {
    context,
  });
}

/** Opens the tails, then starts the writer as a dyno of its own, and reads until every line is accounted for. */
async function follow(paas, count, rate) {
  const total = rate * options.seconds;
  const readers = [];
  for (let number = 0; number < count; number += 1) {
    const { logplex_url: url } = await api(paas, 'POST', `/apps/${APP}/log-sessions`, {
      tail: true,
      lines: 0,
    });
    readers.push(await openTail(url, total));
  }
  const command = ['/line-writer', String(rate), String(options.seconds)];
  await api(paas, 'POST', `/apps/${APP}/dynos`, { command, attach: false });
  await until('each line to be accounted for', () => readers.every((reader) => reader.isDone()), {
    everyMs: 50,
    deadlineMs: options.seconds * 4000 + 30_000,
  }).catch((error) => console.log(`  ${error.message}`));
  for (const reader of readers) reader.close();
  return readers.map((reader) => reader.result());
}

/** Reads server-sent events; resolves when the stream is open. */
function openTail(url, total) {
  const reader = createReader(total);
  return new Promise((resolve, reject) => {
    const call = request(url, { agent: false });
    call.once('error', reject);
    call.once('response', (response) => {
      response.setEncoding('utf8');
      response.once('data', () =>
        resolve({ isDone: reader.isDone, result: reader.result, close: () => call.destroy() }),
      );
      response.on('data', reader.push).on('error', () => undefined);
    });
    call.end();
  });
}

/** Counts lines of the writer, their order and (of each tenth) their delay; takes text in chunks. */
function createReader(total) {
  const delaysMs = [];
  let [rest, delivered, dropped, disorder, last, startedAt, endedAt] = ['', 0, 0, 0, 0, 0, 0];
  return {
    push(chunk) {
      const nowUs = (performance.timeOrigin + performance.now()) * 1000;
      const parts = (rest + chunk).split('\n');
      rest = parts.pop();
      for (const line of parts) {
        if (line.startsWith('data: {"count":')) dropped += JSON.parse(line.slice(6)).count;
        const [number, writtenUs] = writerLine(line);
        if (number === undefined) continue;
        if (number <= last) disorder += 1;
        last = number;
        startedAt ||= nowUs;
        endedAt = nowUs;
        delivered += 1;
        if (delivered % 10 === 0) delaysMs.push((nowUs - writtenUs) / 1000);
      }
    },
    isDone: () => delivered + dropped >= total,
    result: () => ({ delivered, dropped, disorder, delaysMs, seconds: (endedAt - startedAt) / 1e6 }),
  };
}

/** Number and time (epoch us) of a line of the writer; nothing for other lines. */
function writerLine(line) {
  const at = line.endsWith('....') ? line.indexOf('seq ') : -1;
  return at < 0
    ? []
    : line
        .slice(at + 4)
        .split(' ', 2)
        .map(Number);
}

async function followEngine(paas, image) {
  const command = ['/line-writer', String(SLOW_RATE), String(options.seconds)];
  const id = await docker(['create', ...paas.label, '--network', 'none', image, ...command]);
  const total = SLOW_RATE * options.seconds;
  const readers = [];
  const children = [];
  await docker(['start', id]);
  for (let number = 0; number < options.tails; number += 1) {
    const reader = createReader(total);
    // From now on, as a tail: what was written while the others began is no delay.
    const child = spawn('docker', ['logs', '-f', '--since', new Date().toISOString(), id], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    child.stdout.setEncoding('utf8').on('data', reader.push);
    children.push(new Promise((resolve) => child.once('close', resolve)));
    readers.push(reader);
  }
  await Promise.all(children);
  return readers.map((reader) => reader.result());
}
