import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatConfigLines, sortedEntries } from '../../config-lines.js';
import { formatAgo, formatFields } from '../../format.js';
import { getRelease, statusText } from '../../releases.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas releases:info [vN]`, with the config vars of that release. */
export const command = defineCommand({
  summary: 'show a release and its config vars',
  args: '[RELEASE]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    shell: { type: 'boolean', short: 's', summary: "config vars as KEY='value'" },
  },
  example: 'paas releases:info v10 --app example',
  async run(session, { args: [typed], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const release = await getRelease(api, app, typed);
    const config = await api.request<Record<string, string>>(
      'GET',
      `/apps/${app}/releases/${release.version}/config-vars`,
    );
    if (flags.json) return printJson(terminal, { ...release, config_vars: config });
    const status = statusText(release);
    printHeader(terminal, `Release v${release.version}`);
    const fields = [
      ['Add-ons', release.addon_plan_names.join(', ')],
      ['By', release.user.email],
      ['Change', status === undefined ? release.description : `${release.description} (${status.text})`],
      ['Eligible for Rollback?', release.eligible_for_rollback ? 'Yes' : 'No'],
      ['When', formatAgo(new Date(release.created_at), new Date())],
    ] as const;
    for (const line of formatFields(fields)) print(terminal, line);
    print(terminal);
    printHeader(terminal, `v${release.version} Config vars`);
    if (flags.shell) terminal.stdout.write(formatConfigLines(config));
    else for (const line of formatFields(sortedEntries(config))) print(terminal, line);
  },
});
