// Router lines that find no place, because the log collector stands still: each request is in the app's log, or told as
// dropped there; and the operator is told. Whose they were that are lost with the collector nobody knows: each app is told.

import { existsSync, readFileSync } from 'node:fs';
import { Agent, request } from 'node:http';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { type Paas, startPaas } from '../support/paas.js';

const APP = 'busy';
/** Is asked when nobody asks for the other one any more. */
const LATER = 'later';
// The pipe takes 1 MiB: some 800 lines of these.
const PATH = `/${'a'.repeat(1000)}`;

it('tells the lines that HAProxy dropped, exactly, though nobody read for longer than it looks', async () => {
  await using paas = await startPaas();
  await paas.owner.cli(['create', APP, '--no-remote']);
  // Before the first of these it is not routed: the router knows no app of that name.
  await eventually('it is routed', async () => (await paas.http(APP)).status === 503);
  let asked = 1;
  const ask = async (count: number) => {
    await visit(paas, count);
    asked += count;
  };
  await ask(10);
  await eventually('their lines', async () => (await readLog(paas)).lines === asked);
  const collector = collectorOf(paas);
  process.kill(collector, 'SIGSTOP');
  try {
    await ask(1200);
    await eventually('it is noticed', () => looks(paas) >= 1);
    await ask(100);
    // The requests of before are long ago then. On a slow machine the daemon may have replaced the collector by now.
    await eventually('it is noticed again', () => looks(paas) >= 2 || collectorOf(paas) !== collector);
  } finally {
    wake(collector);
  }
  const log = await eventually('all are accounted for', async () => {
    const now = await readLog(paas);
    return now.lines + now.told >= asked && now;
  });
  expect(log.lines + log.told).toBe(asked);
  expect(log.told).toBeGreaterThan(200);
  // A collector that was replaced does not know whose they were.
  expect(log.notices[0]).toMatch(
    /heroku\[logplex\]: Error L10 \(Output buffer overflow\): \d+ messages of the router, of this app (and|or) others, dropped since \d{4}-/,
  );
  const metrics = await paas.owner.api('GET', '/metrics');
  expect(metrics.body).toContain(`\npaas_router_log_lines_dropped_total ${log.told}\n`);
  await paas.owner.cli(['create', LATER, '--no-remote']);
  await eventually('it is routed', async () => (await paas.http(LATER)).status === 503);
  await eventually('its line', async () => (await readLog(paas, LATER)).lines === 1);
  await paas.stop();
  const last = collectorOf(paas);
  process.kill(last, 'SIGSTOP');
  await visit(paas, 1200, LATER);
  // The next one knows nothing of the requests of before.
  process.kill(last, 'SIGKILL');
  await paas.start();
  const all = await eventually('those of a time without daemon and collector are accounted for', async () => {
    const now = await readLog(paas, LATER);
    return now.lines + now.told >= 1201 && now;
  });
  expect(all.lines + all.told).toBe(1201);
  expect(all.told).toBeGreaterThan(200);
  const { notices } = await eventually('the other app is told', async () => {
    const now = await readLog(paas);
    return now.told > log.told && now;
  });
  const [told, toldLater] = [notices.at(-1), all.notices[0]].map((line) =>
    line?.replace(/^.*?Error/, 'Error'),
  );
  expect(told).toBe(toldLater);
  expect(told).toMatch(
    /^Error L10 \(Output buffer overflow\): \d+ messages of the router, of this app or others, dropped since \d{4}-/,
  );
  const doctor = await paas.owner.cli(['doctor']);
  expect(doctor.stdout).toContain(`${log.told + all.told} lines dropped in the last day`);
});

/** The daemon replaces a collector that stands still for about twenty seconds: it may be gone. */
function wake(collector: number): void {
  try {
    process.kill(collector, 'SIGCONT');
  } catch (error) {
    expect(error).toMatchObject({ code: 'ESRCH' });
  }
}

/** Not a number between two collectors. */
function collectorOf(paas: Paas): number {
  const path = join(paas.dataDir, 'run/collector.pid');
  return existsSync(path) ? Number.parseInt(readFileSync(path, 'utf8'), 10) : Number.NaN;
}

/** How often the router has found that lines were dropped. */
function looks(paas: Paas): number {
  return paas.daemonLog().split('access log lines were dropped').length - 1;
}

interface Found {
  /** Of requests. */
  readonly lines: number;
  /** As dropped. */
  readonly told: number;
  readonly notices: readonly string[];
}

async function readLog(paas: Paas, app = APP): Promise<Found> {
  const lines = await keptLines(paas.owner, app).catch(() => []);
  const notices = lines.filter((line) => line.includes('L10'));
  return {
    lines: lines.filter((line) => line.includes('heroku[router]: at=') && line.includes('method=GET')).length,
    told: notices.reduce(
      (sum, line) => sum + Number(/: (\d+) messages of the router/.exec(line)?.[1] ?? 0),
      0,
    ),
    notices,
  };
}

/** So many requests, eight at a time; the router answers them by itself. */
async function visit(paas: Paas, count: number, app = APP): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 8 });
  const one = () =>
    new Promise<void>((resolve, reject) => {
      const headers = { host: `${app}.localhost` };
      const got = request(
        { host: '127.0.0.1', port: paas.httpPort, path: PATH, agent, headers },
        (response) => {
          response.resume().once('end', resolve).once('error', reject);
        },
      );
      got.once('error', reject).end();
    });
  await Promise.all(Array.from({ length: count }, one));
  agent.destroy();
}
