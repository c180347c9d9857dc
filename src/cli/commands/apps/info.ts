import type { ApiApp, ApiDyno } from '../../api-types.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatBytes, formatDate, formatFields } from '../../format.js';
import { remoteUrl } from '../../git-remotes.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas apps:info [NAME]` */
export const command = defineCommand({
  summary: 'show what is known about an app',
  args: '[NAME]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    shell: { type: 'boolean', short: 's', summary: 'print KEY=VALUE lines' },
  },
  example: 'paas info --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const name = await session.app({ ...flags, app: args[0] ?? flags.app });
    const api = await session.api();
    const [app, dynos] = await Promise.all([
      api.request<ApiApp>('GET', `/apps/${name}`),
      api.list<ApiDyno>(`/apps/${name}/dynos`),
    ]);
    if (flags.json) return printJson(terminal, { app, dynos });
    const counts = new Map<string, number>();
    for (const dyno of dynos) counts.set(dyno.type, (counts.get(dyno.type) ?? 0) + 1);
    const fields: [string, string][] = [
      ['Created At', formatDate(new Date(app.created_at))],
      [
        'Dynos',
        [...counts]
          .sort()
          .map(([type, count]) => `${type}: ${count}`)
          .join(', '),
      ],
      ['Git URL', remoteUrl(api.host, app.name)],
      ...(app.maintenance ? [['Maintenance', 'on'] as [string, string]] : []),
      ['Owner', app.owner.email],
      ['Region', app.region.name],
      ...sizeField('Repo Size', app.repo_size),
      ...sizeField('Slug Size', app.slug_size),
      ['Stack', app.stack.name],
      ['Web URL', app.web_url ?? ''],
    ];
    if (flags.shell) {
      for (const [key, value] of fields)
        print(terminal, `${key.toLowerCase().replaceAll(' ', '_')}=${value}`);
      return;
    }
    printHeader(terminal, app.name);
    for (const line of formatFields(fields)) print(terminal, line);
  },
});

/** A size that the server does not tell is left out: 0 B would be wrong. */
function sizeField(name: string, bytes: number | null): [string, string][] {
  return bytes === null ? [] : [[name, formatBytes(bytes)]];
}
