import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatConfigLines, sortedEntries } from '../../config-lines.js';
import { formatFields } from '../../format.js';
import { paint, print, printHeader, printJson } from '../../terminal.js';

/** `paas config [-s]` */
export const command = defineCommand({
  summary: 'list the config vars of an app',
  flags: {
    ...appFlags,
    ...jsonFlag,
    shell: { type: 'boolean', short: 's', summary: "print KEY='value' lines" },
  },
  example: 'paas config --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const config = await api.request<Record<string, string>>('GET', `/apps/${app}/config-vars`);
    if (flags.json) return printJson(terminal, Object.fromEntries(sortedEntries(config)));
    if (flags.shell) {
      terminal.stdout.write(formatConfigLines(config));
      return;
    }
    printHeader(terminal, `${app} Config Vars`);
    const fields = sortedEntries(config).map(
      ([key, value]) => [paint(terminal.hasColors, 'green', key), value] as const,
    );
    for (const line of formatFields(fields)) print(terminal, line);
  },
});
