import type { ApiCheckRun } from '../../api-types.js';
import { formatCheckRuns } from '../../checks.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { print, printJson } from '../../terminal.js';

/** `paas checks:run [DYNO | TYPE]`: exits with 1 when a check failed. */
export const command = defineCommand({
  summary: 'try the checks of running dynos once, now',
  args: '[DYNO | TYPE]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas checks:run web --app example',
  async run(session, { args: [subject], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const runs = await api.request<ApiCheckRun[]>('POST', `/apps/${app}/checks/actions/run`, {
      json: subject === undefined ? {} : { subject },
    });
    if (flags.json) printJson(terminal, runs);
    else if (runs.length === 0) print(terminal, `${app} has no checks: its dynos only have to run.`);
    else for (const line of formatCheckRuns(runs)) print(terminal, line);
    return runs.some(({ passed }) => passed === false) ? 1 : 0;
  },
});
