import { appFlags, defineCommand } from '../../command.js';
import { type DynoTarget, describeTarget, dynoFlags, parseDynoTarget } from '../../dyno-target.js';
import { action } from '../../terminal.js';

/** `paas ps:restart [web.1|web]` */
export const command = defineCommand({
  summary: 'restart one dyno, those of a process type, or all',
  args: '[DYNO|TYPE]',
  arity: [0, 1],
  flags: { ...appFlags, ...dynoFlags },
  example: 'paas ps:restart web.1 --app example',
  async run(session, { args, flags }) {
    const target = parseDynoTarget({
      argument: args[0],
      dyno: flags['dyno-name'],
      type: flags['process-type'],
    });
    const app = await session.app(flags);
    const api = await session.api();
    await action(session.terminal, `Restarting ${describeTarget(target)} on ${app}`, () =>
      api.request('DELETE', `/apps/${app}/${pathOf(target)}`),
    );
  },
});

function pathOf(target: DynoTarget): string {
  switch (target.kind) {
    case 'all':
      return 'dynos';
    case 'type':
      return `formations/${target.type}`;
    case 'dyno':
      return `dynos/${target.name}`;
  }
}
