import type { ApiApp } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { removeRemotes } from '../../git-remotes.js';
import { ask } from '../../prompt.js';
import type { Session } from '../../session.js';
import { action, warn } from '../../terminal.js';

/** `paas apps:destroy --confirm NAME`: without --confirm it asks for the name on a terminal, and refuses elsewhere. */
export const command = defineCommand({
  summary: 'delete an app for good',
  args: '[NAME]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    confirm: { type: 'string', short: 'c', value: 'NAME', summary: "the app's name once more" },
  },
  example: 'paas apps:destroy --app example --confirm example',
  async run(session, { args, flags }) {
    const name = await session.app({ ...flags, app: args[0] ?? flags.app });
    const api = await session.api();
    const app = await api.request<ApiApp>('GET', `/apps/${name}`);
    await confirm(session, app.name, flags.confirm);
    await action(
      session.terminal,
      `Destroying ${app.name} (including all of its code, config and logs)`,
      () => api.request('DELETE', `/apps/${app.name}`),
    );
    await removeRemotes(session.cwd, api.host, app.name);
  },
});

async function confirm({ terminal }: Session, name: string, given: string | undefined): Promise<void> {
  const hint = `Repeat the command with --confirm ${name}`;
  let answer = given;
  if (answer === undefined) {
    if (!terminal.stdin.isTTY)
      throw new CliError(`Destroying ${name} must be confirmed.`, { hint, exitCode: 2 });
    warn(terminal, `WARNING: This will delete ${name} including all of its code, config and logs.`);
    answer = await ask(terminal, `To proceed, type ${name}: `);
  }
  if (answer !== name) throw new CliError(`Confirmation ${answer} did not match ${name}. Aborted.`, { hint });
}
