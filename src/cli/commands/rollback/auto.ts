import type { ApiDynoSettings } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatDuration, parseDuration } from '../../duration.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas rollback:auto [on|off] [--window 5m]`: without arguments it shows how it is. */
export const command = defineCommand({
  summary: 'go back by itself from a release that crashes, fails its checks or answers 5xx',
  args: '[on|off]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    window: {
      type: 'string',
      short: 'w',
      value: 'TIME',
      summary: 'how long a release is watched, such as 5m',
    },
  },
  example: 'paas rollback:auto on --window 5m --app example',
  async run(session, { args: [wish], flags }) {
    const { terminal } = session;
    const seconds = readWish(wish, flags.window);
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/dyno-settings`;
    if (seconds === undefined) {
      const settings = await api.request<ApiDynoSettings>('GET', path);
      if (flags.json) return printJson(terminal, present(settings));
      return print(terminal, describe(settings));
    }
    const settings = await action(
      terminal,
      `${seconds === 0 ? 'Disabling' : 'Enabling'} automatic rollback on ${app}`,
      () => api.request<ApiDynoSettings>('PATCH', path, { json: { rollback_window: seconds } }),
      (now) => `done, ${describe(now)}`,
    );
    if (flags.json) printJson(terminal, present(settings));
  },
});

/** Seconds of the window, 0 for off, null for the default; undefined: only to be shown. */
function readWish(wish: string | undefined, window: string | undefined): number | null | undefined {
  if (wish !== undefined && wish !== 'on' && wish !== 'off') {
    throw usageError(`"${wish}" is neither on nor off.`, 'Like: paas rollback:auto on --window 5m');
  }
  if (wish === 'off' && window !== undefined) throw usageError('--window goes with on, not with off.');
  if (wish === 'off') return 0;
  if (window === undefined) return wish === 'on' ? null : undefined;
  const seconds = parseDuration('window', window, 's') / 1000;
  if (seconds < 1)
    throw usageError('--window must be at least 1s.', 'To turn it off: paas rollback:auto off');
  return seconds;
}

function present({ rollback_window: window }: ApiDynoSettings): { auto_rollback: boolean; window: number } {
  return { auto_rollback: window > 0, window };
}

function describe({ rollback_window: window }: ApiDynoSettings): string {
  return window === 0 ? 'off' : `on, for ${formatDuration(window * 1000)} after a release`;
}
