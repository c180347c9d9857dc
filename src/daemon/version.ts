// The version of this program, as package.json has it.

import { readFileSync } from 'node:fs';

export const VERSION = readVersion();

function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  // Our own file, whose form is known.
  return (JSON.parse(text) as { version: string }).version;
}
