// What the platform costs while nothing happens: memory and CPU of daemon, log collector and HAProxy beside running apps,
// how long the daemon takes from its start until it answers, and how long `paas ps` takes.
// Usage: node bench/idle.mjs [--apps N] [--seconds N] [--starts N] [--commands N] [--quick]

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { list, median, parameters, printRatio, timed } from './support/figures.mjs';
import { buildImage, cli, createImageApp, startDaemon, stopDaemon, withPaas } from './support/paas.mjs';
import { cpuSecondsOf, findProcesses, memoryOf } from './support/processes.mjs';
import { run } from './support/programs.mjs';

const options = parameters(
  { apps: 20, seconds: 30, starts: 5, commands: 15 },
  { apps: 4, seconds: 5, starts: 2, commands: 5 },
);
/** A quarter of the 1.06 s that the Heroku CLI takes for `heroku ps` on a machine like this. */
const CLI_LIMIT_MS = 265;
const SETTLE_MS = 5000;
const ms = (value) => `${Math.round(value)} ms`;

await withPaas(async (paas) => {
  const program = 'CMD ["/bin/sh", "-c", "exec python3 -m http.server $PORT"]';
  const image = await buildImage(paas, 'idle', [program]);
  for (let number = 1; number <= options.apps; number += 1)
    await createImageApp(paas, `idle-${number}`, image);

  const starts = [];
  for (let round = 0; round < options.starts; round += 1) {
    await stopDaemon(paas);
    starts.push(await timed(() => startDaemon(paas)));
  }
  console.log(`daemon, start until it answers with ${options.apps} apps: ${list(starts, ms)}`);

  const commands = { ps: [], node: [] };
  for (let round = 0; round < options.commands; round += 1) {
    commands.ps.push(await timed(() => cli(paas, ['ps', '--app', 'idle-1'])));
    commands.node.push(await timed(() => run(process.execPath, ['-e', '0'])));
  }
  console.log(`paas ps: ${list(commands.ps, ms)}`);
  console.log(`node -e 0: ${list(commands.node, ms)}`);

  await sleep(SETTLE_MS);
  const daemonMb = await watch(paas);
  printRatio('cli-ps-over-node', median(commands.ps) / median(commands.node), '-');
  printRatio('cli-ps-over-limit', median(commands.ps) / CLI_LIMIT_MS, '<=1');
  printRatio('daemon-start-seconds', median(starts) / 1000, '<=1');
  printRatio('daemon-rss-mb', daemonMb, '<=100');
});

/** Prints memory and CPU of each part; gives the daemon's RSS. */
async function watch(paas) {
  const collector = Number(readFileSync(join(paas.dataDir, 'run/collector.pid'), 'utf8'));
  const parts = [
    { name: 'daemon', pids: [paas.daemon.pid] },
    { name: 'collector', pids: [collector] },
    { name: 'haproxy', pids: findProcesses(join(paas.dataDir, 'haproxy/haproxy.cfg')) },
  ];
  const total = (pids, read) => pids.reduce((sum, pid) => sum + read(pid), 0);
  const before = parts.map(({ pids }) => total(pids, cpuSecondsOf));
  const beginning = performance.now();
  await sleep(options.seconds * 1000);
  const elapsed = (performance.now() - beginning) / 1000;
  for (const [index, { name, pids }] of parts.entries()) {
    const cpu = ((total(pids, cpuSecondsOf) - before[index]) / elapsed) * 100;
    const rss = total(pids, (pid) => memoryOf(pid).rssMb);
    const pss = total(pids, (pid) => memoryOf(pid).pssMb);
    const processes = pids.length === 1 ? '' : ` (${pids.length} processes)`;
    console.log(
      `${name}${processes}: RSS ${rss.toFixed(0)} MB, PSS ${pss.toFixed(0)} MB, CPU ${cpu.toFixed(2)} % of a core`,
    );
  }
  return memoryOf(paas.daemon.pid).rssMb;
}
