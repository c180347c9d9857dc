// Parameters in, figures out: medians, milliseconds, and the `RATIO` line that bench/run collects.

import { parseArgs } from 'node:util';

/** `--name N` for each of `defaults`, and `--quick`, which takes `quick` instead. */
export function parameters(defaults, quick) {
  const names = Object.keys(defaults);
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      ...Object.fromEntries(names.map((name) => [name, { type: 'string' }])),
    },
  });
  const base = { ...defaults, ...(values.quick ? quick : {}) };
  return Object.fromEntries(names.map((name) => [name, Number(values[name] ?? base[name])]));
}

export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** How long `work` takes, in ms. */
export async function timed(work) {
  const before = performance.now();
  await work();
  return performance.now() - before;
}

export function seconds(ms) {
  return `${(ms / 1000).toFixed(2)} s`;
}

export function list(values, show) {
  return `median ${show(median(values))} of ${values.map(show).join(', ')}`;
}

/** One line for people and bench/run: `RATIO name value target`, the target as `>=0.9` or `<=1.5`. */
export function printRatio(name, value, target) {
  console.log(`RATIO ${name} ${value.toFixed(value >= 100 ? 0 : 2)} ${target}`);
}
