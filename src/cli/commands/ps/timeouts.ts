import type { ApiDynoSettings } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatDuration, parseDuration } from '../../duration.js';
import { formatFields } from '../../format.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas ps:timeouts [--drain 60s] [--grace 10s]`: without flags it shows them. */
export const command = defineCommand({
  summary: 'show or set how long a dyno that is stopped may take',
  flags: {
    ...appFlags,
    ...jsonFlag,
    drain: { type: 'string', value: 'TIME', summary: 'for the requests it has, such as 60s, or default' },
    grace: { type: 'string', value: 'TIME', summary: 'from SIGTERM to SIGKILL, such as 10s, or default' },
  },
  example: 'paas ps:timeouts --drain 2m --grace 10s --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const drain = readSeconds('drain', flags.drain);
    const grace = readSeconds('grace', flags.grace);
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/dyno-settings`;
    const json = {
      ...(drain !== undefined && { drain_timeout: drain }),
      ...(grace !== undefined && { stop_grace: grace }),
    };
    const settings =
      Object.keys(json).length === 0
        ? await api.request<ApiDynoSettings>('GET', path)
        : await action(terminal, `Setting timeouts of ${app}`, () =>
            api.request<ApiDynoSettings>('PATCH', path, { json }),
          );
    const { drain_timeout, stop_grace } = settings;
    if (flags.json) return printJson(terminal, { drain: drain_timeout, grace: stop_grace });
    const fields = formatFields([
      ['drain', formatDuration(drain_timeout * 1000)],
      ['grace', formatDuration(stop_grace * 1000)],
    ]);
    for (const line of fields) print(terminal, line);
  },
});

function readSeconds(flag: string, text: string | undefined): number | null | undefined {
  if (text === undefined) return undefined;
  return text === 'default' ? null : parseDuration(flag, text, 's') / 1000;
}
