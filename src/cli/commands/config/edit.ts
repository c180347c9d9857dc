import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { changeConfig } from '../../change-config.js';
import { CliError, usageError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { formatConfigLines, parseConfigLines } from '../../config-lines.js';
import type { Session } from '../../session.js';
import { note } from '../../terminal.js';

/** `paas config:edit [KEY]`: all vars as KEY='value' lines, or the bare value of one, in $VISUAL or $EDITOR. */
export const command = defineCommand({
  summary: 'edit the config vars in your editor',
  args: '[KEY]',
  arity: [0, 1],
  flags: { ...appFlags },
  example: 'EDITOR=nano paas config:edit --app example',
  async run(session, { args: [key], flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    const read = () => api.request<Record<string, string>>('GET', `/apps/${app}/config-vars`);
    const before = await read();
    const after = await edit(session, before, key);
    const updates = difference(before, after);
    if (Object.keys(updates).length === 0) return note(session.terminal, 'No changes.');
    if (!isDeepStrictEqual(await read(), before)) {
      throw new CliError(`The config vars of ${app} were changed by somebody else meanwhile.`, {
        hint: 'Nothing was changed. Edit again',
      });
    }
    await changeConfig(session.terminal, api, { app, updates, verb: 'Setting' });
  },
});

async function edit(
  session: Session,
  before: Readonly<Record<string, string>>,
  key: string | undefined,
): Promise<Record<string, string>> {
  if (key !== undefined) {
    const text = await editText(session, before[key] ?? '');
    // Editors end a file with a line end; a value seldom has one.
    const value = text.endsWith('\n') && !before[key]?.endsWith('\n') ? text.slice(0, -1) : text;
    return { ...before, [key]: value };
  }
  const after = parseConfigLines(await editText(session, formatConfigLines(before)));
  if (Object.keys(after).length === 0 && Object.keys(before).length > 0) {
    throw new CliError('The file came back empty: nothing was changed.', {
      hint: 'To remove config vars: paas config:unset',
    });
  }
  return after;
}

/** Only what differs; null for what is gone. */
function difference(
  before: Readonly<Record<string, string>>,
  after: Readonly<Record<string, string>>,
): Record<string, string | null> {
  const changed = Object.entries(after).filter(([key, value]) => before[key] !== value);
  const removed = Object.keys(before).filter((key) => !Object.hasOwn(after, key));
  return { ...Object.fromEntries(changed), ...Object.fromEntries(removed.map((key) => [key, null])) };
}

/** The text after the user has edited it. The file lives in a private directory and is removed. */
async function editText({ env }: Session, text: string): Promise<string> {
  const [program, ...args] = (env['VISUAL'] || env['EDITOR'] || 'vi').split(/\s+/).filter(Boolean);
  if (program === undefined) throw usageError('There is no editor.', 'Set EDITOR');
  const directory = await mkdtemp(join(tmpdir(), 'paas-config-'));
  try {
    const path = join(directory, 'config.env');
    await writeFile(path, text, { mode: 0o600 });
    const editor = spawn(program, [...args, path], { stdio: 'inherit' });
    const [code] = await once(editor, 'exit').catch((error: unknown) => {
      throw new CliError(`The editor ${program} could not be started.`, { hint: 'Set EDITOR', cause: error });
    });
    if (code !== 0) throw new CliError(`The editor ${program} ended with code ${code}: nothing was changed.`);
    return await readFile(path, 'utf8');
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
