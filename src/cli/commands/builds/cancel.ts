import { getBuild } from '../../builds.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { action } from '../../terminal.js';

/** `paas builds:cancel [ID]`: the newest build when none is named. */
export const command = defineCommand({
  summary: 'cancel a running build',
  args: '[BUILD]',
  arity: [0, 1],
  flags: { ...appFlags },
  example: 'paas builds:cancel --app example',
  async run(session, { args: [id], flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    const build = await getBuild(api, app, id);
    if (build.status !== 'pending' && build.status !== 'queued') {
      throw new CliError(`Build ${build.id} is not running: it ${build.status}.`);
    }
    await action(session.terminal, `Canceling build ${build.id} of ${app}`, () =>
      api.request('DELETE', `/apps/${app}/builds/${build.id}`),
    );
  },
});
