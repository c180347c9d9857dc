import type { ApiWhy } from '../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../command.js';
import { print, printJson } from '../terminal.js';
import { formatOverview, formatWhy, whyQuery } from '../why.js';

/** `paas why [DYNO | RELEASE]` */
export const command = defineCommand({
  summary: 'explain the state of a dyno, a release or an app',
  args: '[DYNO | RELEASE]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas why web.1 --app example',
  async run(session, { args: [subject], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const why = await api.request<ApiWhy>('GET', `/apps/${app}/why${whyQuery(subject)}`);
    if (flags.json) return printJson(terminal, why);
    const now = new Date();
    const lines = subject === undefined ? formatOverview(why, now) : formatWhy(why, now);
    for (const line of lines) print(terminal, line);
  },
});
