import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatConfigLines } from '../../config-lines.js';
import { printJson } from '../../terminal.js';

/** `paas config:get KEY...`: the bare values, one a line, an empty line for one that is not set. */
export const command = defineCommand({
  summary: 'print the value of config vars',
  args: 'KEY...',
  arity: [1, 1000],
  flags: {
    ...appFlags,
    ...jsonFlag,
    shell: { type: 'boolean', short: 's', summary: "print KEY='value' lines" },
  },
  example: 'paas config:get DATABASE_URL --app example',
  async run(session, { args, flags }) {
    const { stdout } = session.terminal;
    const app = await session.app(flags);
    const api = await session.api();
    const config = await api.request<Record<string, string>>('GET', `/apps/${app}/config-vars`);
    const found = args.filter((key) => Object.hasOwn(config, key));
    const chosen = Object.fromEntries(found.map((key) => [key, config[key] ?? '']));
    if (flags.json) printJson(session.terminal, chosen);
    else if (flags.shell) stdout.write(formatConfigLines(chosen));
    else for (const key of args) stdout.write(`${chosen[key] ?? ''}\n`);
  },
});
