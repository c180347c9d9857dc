// Runs benches one after the other, shows what they print, and ends with a table of their ratios. Exit code 1 when a
// bench fails; a missed target is told, and is no failure.

import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

const NAMES = [
  'router',
  'deploy',
  'rollback',
  'scale',
  'logs',
  'tails',
  'idle',
  'wake',
  'build-impact',
  'api',
  'pushes',
  'crowd',
];
/** logs.mjs takes its parameters by place: lines, rounds. */
const LOGS_QUICK = ['200000', '1'];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { quick: { type: 'boolean', default: false } },
});
const unknown = positionals.filter((name) => !NAMES.includes(name));
if (unknown.length > 0) {
  console.error(`no such bench: ${unknown.join(', ')}; there are ${NAMES.join(', ')}`);
  process.exit(2);
}

let running;
let isEnding = false;
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => {
    isEnding = true;
    // The bench takes its instance away, then ends.
    running?.kill(signal);
  });
}

const rows = [];
for (const name of positionals.length > 0 ? positionals : NAMES) {
  if (isEnding) break;
  console.log(`\n== ${name}`);
  const { code, ratios } = await runBench(name);
  rows.push(...ratios);
  if (code !== 0) {
    rows.push({ name, value: 'failed', target: '', verdict: 'FAILED' });
    process.exitCode = 1;
  }
}
console.log('\n== summary');
for (const { name, value, target, verdict } of rows) {
  console.log(`${name.padEnd(22)} ${value.padStart(7)}  ${target.padEnd(6)}  ${verdict}`);
}

async function runBench(name) {
  const quick = name === 'logs' ? LOGS_QUICK : ['--quick'];
  const args = [join(import.meta.dirname, `../${name}.mjs`), ...(values.quick ? quick : [])];
  running = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  running.stdout.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  const code = await new Promise((resolve) => running.once('close', resolve));
  const ratios = [...output.matchAll(/^RATIO (\S+) (\S+) (\S+)$/gm)].map(([, ratio, value, target]) => ({
    name: ratio,
    value,
    target,
    verdict: judge(Number(value), target),
  }));
  return { code, ratios };
}

function judge(value, target) {
  const limit = Number(target.slice(2));
  if (target.startsWith('>=')) return value >= limit ? 'ok' : 'MISSED';
  if (target.startsWith('<=')) return value <= limit ? 'ok' : 'MISSED';
  return '';
}
