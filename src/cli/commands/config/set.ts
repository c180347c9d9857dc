import { changeConfig } from '../../change-config.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { parseAssignments } from '../../config-lines.js';
import { formatFields } from '../../format.js';
import { paint, print, printJson } from '../../terminal.js';

/** `paas config:set KEY=VALUE...`: one release for all of them. */
export const command = defineCommand({
  summary: 'set config vars',
  args: 'KEY=VALUE...',
  arity: [1, 1000],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas config:set RAILS_ENV=staging RACK_ENV=staging --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const updates = parseAssignments(args);
    const app = await session.app(flags);
    const config = await changeConfig(terminal, await session.api(), { app, updates, verb: 'Setting' });
    const set = Object.keys(updates).map((key) => [key, config[key] ?? ''] as const);
    if (flags.json) return printJson(terminal, Object.fromEntries(set));
    const fields = set.map(([key, value]) => [paint(terminal.hasColors, 'green', key), value] as const);
    for (const line of formatFields(fields)) print(terminal, line);
  },
});
