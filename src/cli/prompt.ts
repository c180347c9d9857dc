// Questions on the terminal; the text goes to stderr so that stdout stays the result.

import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { CliError } from './cli-error.js';
import type { Terminal } from './terminal.js';

/** Asks for a line. `isSecret` shows nothing of what is typed. Ctrl-C and the end of input throw. */
export async function ask(
  terminal: Terminal,
  question: string,
  options: { isSecret?: boolean } = {},
): Promise<string> {
  // readline echoes to its output: for a secret that is a place where nothing is kept.
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({
    input: terminal.stdin,
    output: options.isSecret ? silent : terminal.stderr,
    terminal: terminal.stdin.isTTY === true,
    historySize: 0,
  });
  // Only now does the terminal itself echo nothing: whoever answers fast must not see the secret.
  if (options.isSecret) terminal.stderr.write(question);
  const given = new AbortController();
  lines.on('SIGINT', () => given.abort());
  lines.on('close', () => given.abort());
  try {
    return await lines.question(options.isSecret ? '' : question, { signal: given.signal });
  } catch (error) {
    throw new CliError('Canceled.', { exitCode: 130, cause: error });
  } finally {
    lines.close();
    if (options.isSecret) terminal.stderr.write('\n');
  }
}

/** All of a stdin that is not a terminal, as text without the last line end. */
export async function readAllInput(stdin: NodeJS.ReadStream, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) throw new CliError('That is too long for a token.', { exitCode: 2 });
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString('utf8').trim();
}
