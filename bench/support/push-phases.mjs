// A push with the time of each line that git shows of the build.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';

/** Runs the push; gives each line and how long it took until the next. Throws when the push fails. */
export async function phases(program, args, { cwd, env }) {
  const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const lines = [{ line: '(git, until the first line)', at: performance.now() }];
  for await (const line of createInterface({ input: child.stderr })) {
    const text = line.replace(/^remote: ?/, '').replace(/\s*(\x1b\[K)?\s*$/, '');
    if (text.trim() !== '') lines.push({ line: text, at: performance.now() });
  }
  const code = await ended;
  const end = performance.now();
  if (code !== 0) throw new Error(`the push failed:\n${lines.map(({ line }) => line).join('\n')}`);
  return lines.map(({ line, at }, index) => ({ line, ms: (lines[index + 1]?.at ?? end) - at }));
}
