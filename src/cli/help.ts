// The help texts, made from the commands' own data. Pure but for loading the commands.

import type { Catalog, FoundCommand } from './catalog.js';
import { formatTable } from './format.js';

/** The list of all commands with their summaries. */
export async function helpOverview(catalog: Catalog): Promise<string[]> {
  const rows: string[][] = [];
  for (const name of catalog.names()) {
    const found = await catalog.find(name);
    if (found !== undefined) rows.push([`  ${catalog.shownName(name)}`, found.command.summary]);
  }
  rows.sort(([a = ''], [b = '']) => (a < b ? -1 : 1));
  return [
    'The command line of your own Heroku: deploy, scale and watch apps.',
    '',
    'USAGE',
    '  $ paas COMMAND [ARGUMENTS] [FLAGS]',
    '',
    'COMMANDS',
    ...formatTable(rows),
    '',
    'Help for one command: paas help COMMAND',
  ];
}

/** Usage, flags and example of one command. */
export function helpFor(catalog: Catalog, { name, command }: FoundCommand): string[] {
  const shown = catalog.shownName(name);
  const usage = command.verbatimArgs ? [shown, '[FLAGS]', command.args] : [shown, command.args, '[FLAGS]'];
  const flags = Object.entries({
    ...command.flags,
    help: { type: 'boolean', short: 'h', summary: 'show this help' } as const,
  });
  const rows = flags.map(([long, flag]) => {
    const value = 'value' in flag && flag.value !== undefined ? `=${flag.value}` : '';
    return [`  ${flag.short === undefined ? '   ' : `-${flag.short},`} --${long}${value}`, flag.summary];
  });
  return [
    command.summary,
    '',
    'USAGE',
    `  $ paas ${usage.filter(Boolean).join(' ')}`,
    '',
    'FLAGS',
    ...formatTable(rows),
    '',
    'EXAMPLE',
    ...command.example.split('\n').map((line) => `  $ ${line}`),
  ];
}
