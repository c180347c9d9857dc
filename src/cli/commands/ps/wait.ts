import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from '../../api-client.js';
import type { ApiDyno, ApiFormation } from '../../api-types.js';
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
    const isAsked = (type: string) =>
      (flags.type === undefined || flags.type === type) && (type !== 'run' || flags['with-run'] === true);
    if (flags.type !== undefined && flags.type !== 'run') await requireType(api, app, flags.type);
    await action(session.terminal, `Waiting for every dyno of ${app} to run the newest release`, async () => {
      const deadline = Date.now() + seconds * 1000;
      for (;;) {
        const late = await lateDynos(api, app, isAsked);
        if (late.length === 0) return;
        if (Date.now() > deadline) {
          const hint = `See: paas logs --app ${app}`;
          throw new CliError(`After ${seconds} s not yet running: ${late.join(', ')}`, { hint });
        }
        await delay(POLL_MS, undefined, { signal: session.signal });
      }
    });
  },
});

async function requireType(api: ApiClient, app: string, type: string): Promise<void> {
  const types = (await api.list<ApiFormation>(`/apps/${app}/formation`)).map((entry) => entry.type);
  if (types.includes(type)) return;
  const has = types.length === 0 ? 'It has none yet: deploy first.' : `It has: ${types.join(', ')}.`;
  throw new CliError(`${app} has no process type ${JSON.stringify(type)}. ${has}`);
}

/** What is still missing: dynos that are not up on the newest release, and types with fewer dynos than wished. */
async function lateDynos(api: ApiClient, app: string, isAsked: (type: string) => boolean): Promise<string[]> {
  const [releases, dynos, formation] = await Promise.all([
    newestReleases(api, app, 10),
    api.list<ApiDyno>(`/apps/${app}/dynos`),
    api.list<ApiFormation>(`/apps/${app}/formation`),
  ]);
  const wanted = releases.find(({ status }) => status !== 'failed' && status !== 'expired');
  const version = wanted?.version ?? 1;
  if (wanted?.status === 'pending') return [`the release command of v${version}`];
  const late = dynos
    .filter((dyno) => dyno.type !== 'release' && isAsked(dyno.type))
    .filter(
      (dyno) =>
        !['up', 'idle'].includes(dyno.state) || (dyno.type !== 'run' && dyno.release.version < version),
    )
    .map((dyno) => `${dyno.name} (${dyno.state}, v${dyno.release.version})`);
  const missing = formation
    .filter(({ type }) => type !== 'release' && isAsked(type))
    .filter(({ type, quantity }) => dynos.filter((dyno) => dyno.type === type).length < quantity)
    .map(({ type }) => `${type} (too few)`);
  return [...late, ...missing];
}
