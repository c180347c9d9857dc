import type { Catalog } from '../catalog.js';
import { CliError } from '../cli-error.js';
import { defineCommand } from '../command.js';
import { helpFor, helpOverview } from '../help.js';
import { suggest } from '../suggest.js';
import { print } from '../terminal.js';

/** `paas help [COMMAND]` */
export const helpCommand = (catalog: Catalog) =>
  defineCommand({
    summary: 'show the commands, or the help of one command',
    args: '[COMMAND]',
    arity: [0, 1],
    flags: {},
    example: 'paas help ps:scale',
    async run({ terminal }, { args: [name] }) {
      const lines = name === undefined ? await helpOverview(catalog) : await helpOf(catalog, name);
      for (const line of lines) print(terminal, line);
    },
  });

async function helpOf(catalog: Catalog, name: string): Promise<string[]> {
  const found = await catalog.find(name);
  if (found !== undefined) return helpFor(catalog, found);
  const near = suggest(name, catalog.typable());
  throw new CliError(`"${name}" is not a paas command.`, {
    exitCode: 127,
    hint: near === undefined ? 'See: paas help' : `Did you mean: paas help ${near}`,
  });
}
