import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { describeTarget, dynoFlags, parseDynoTarget } from '../../dyno-target.js';
import { action } from '../../terminal.js';

/** `paas ps:stop web.1|web|run.1234` */
export const command = defineCommand({
  summary: 'stop one dyno or those of a process type',
  args: 'DYNO|TYPE',
  arity: [0, 1],
  flags: { ...appFlags, ...dynoFlags },
  example: 'paas ps:stop run.1828 --app example',
  async run(session, { args, flags }) {
    const target = parseDynoTarget({
      argument: args[0],
      dyno: flags['dyno-name'],
      type: flags['process-type'],
    });
    if (target.kind === 'all') throw usageError('Which dyno?', 'Like: paas ps:stop web.1');
    const app = await session.app(flags);
    const api = await session.api();
    const path = target.kind === 'dyno' ? `dynos/${target.name}` : `formations/${target.type}`;
    await action(session.terminal, `Stopping ${describeTarget(target)} on ${app}`, () =>
      api.request('POST', `/apps/${app}/${path}/actions/stop`),
    );
  },
});
