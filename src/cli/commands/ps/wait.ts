import { setTimeout as delay } from 'node:timers/promises';
import type { ApiDyno } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand, parseCount } from '../../command.js';
import { newestReleases } from '../../releases.js';
import { action } from '../../terminal.js';

const POLL_MS = 1000;

/** `paas ps:wait`: until every dyno runs the newest release. One-off dynos don't count. */
export const command = defineCommand({
  summary: 'wait until all dynos run the newest release',
  flags: {
    ...appFlags,
    type: { type: 'string', short: 't', value: 'TYPE', summary: 'only the dynos of this process type' },
    'with-run': { type: 'boolean', short: 'R', summary: 'one-off dynos too' },
    timeout: { type: 'string', value: 'SECONDS', summary: 'give up after so long (300)' },
  },
  example: 'paas ps:wait --app example',
  async run(session, { flags }) {
    const seconds = parseCount('timeout', flags.timeout) ?? 300;
    const app = await session.app(flags);
    const api = await session.api();
    const release = (await newestReleases(api, app, 10)).find(({ status }) => status === 'succeeded');
    const version = release?.version ?? 1;
    const isOther = (dyno: ApiDyno) =>
      (flags.type !== undefined && dyno.type !== flags.type) ||
      dyno.type === 'release' ||
      (dyno.type === 'run' && !flags['with-run']);
    const isReady = (dyno: ApiDyno) =>
      isOther(dyno) || (dyno.state === 'up' && dyno.release.version >= version);
    await action(session.terminal, `Waiting for every dyno to be running v${version}`, async () => {
      const deadline = Date.now() + seconds * 1000;
      for (;;) {
        const dynos = await api.list<ApiDyno>(`/apps/${app}/dynos`);
        const late = dynos.filter((dyno) => !isReady(dyno)).map((dyno) => `${dyno.name} (${dyno.state})`);
        if (late.length === 0) return;
        if (Date.now() > deadline) {
          throw new CliError(`After ${seconds} s not yet running: ${late.join(', ')}`, {
            hint: `See: paas logs --app ${app}`,
          });
        }
        await delay(POLL_MS, undefined, { signal: session.signal });
      }
    });
  },
});
