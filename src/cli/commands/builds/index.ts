import { newestBuilds } from '../../builds.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { formatAgo, formatTable } from '../../format.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas builds [-n 15]` */
export const command = defineCommand({
  summary: 'list the builds of an app',
  flags: {
    ...appFlags,
    ...jsonFlag,
    num: { type: 'string', short: 'n', value: 'N', summary: 'how many (15)' },
  },
  example: 'paas builds --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const count = parseCount('num', flags.num) ?? 15;
    const app = await session.app(flags);
    const builds = await newestBuilds(await session.api(), app, count);
    if (flags.json) return printJson(terminal, builds);
    if (builds.length === 0) return print(terminal, `${app} has no builds.`);
    printHeader(terminal, `${app} Builds`);
    const now = new Date();
    const rows = builds.map((build) => [
      build.id,
      build.position === null ? build.status : `${build.status} (place ${build.position})`,
      build.source_blob?.version?.slice(0, 8) ?? build.source_kind,
      build.user.email,
      formatAgo(new Date(build.created_at), now),
    ]);
    for (const line of formatTable(rows)) print(terminal, line);
  },
});
