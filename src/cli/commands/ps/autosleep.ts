import type { ApiAutosleep } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatDuration, parseDuration } from '../../duration.js';
import { formatAgo } from '../../format.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas ps:autosleep [web] [--after TIME | --off]`: without flags it shows the setting. */
export const command = defineCommand({
  summary: 'stop web dynos that nobody asks for; the next request starts them',
  args: '[TYPE]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    after: { type: 'string', value: 'TIME', summary: 'sleep after this long without a request (30m)' },
    off: { type: 'boolean', summary: 'never sleep' },
  },
  example: 'paas ps:autosleep web --after 30m --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const { after, off } = flags;
    if (after !== undefined && off) throw usageError('--after and --off exclude each other.');
    const seconds = after === undefined ? undefined : parseDuration('after', after, 's') / 1000;
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/formation/${encodeURIComponent(args[0] ?? 'web')}/autosleep`;
    const set = () => api.request<ApiAutosleep>('PATCH', path, { json: { after_seconds: seconds } });
    const remove = () => api.request<ApiAutosleep>('DELETE', path);
    const setting =
      seconds !== undefined
        ? await action(terminal, `Setting autosleep on ${app}`, set)
        : off
          ? await action(terminal, `Switching autosleep off on ${app}`, remove)
          : await api.request<ApiAutosleep>('GET', path);
    if (flags.json) return printJson(terminal, setting);
    if (seconds === undefined && !off) print(terminal, describe(setting));
  },
});

function describe({ type, after_seconds: after, asleep_since: since }: ApiAutosleep): string {
  if (after === null) return `${type}: off`;
  const state = since === null ? 'awake' : `idle ${formatAgo(new Date(since), new Date())}`;
  return `${type}: after ${formatDuration(after * 1000)} without a request (${state})`;
}
