import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { formatAgo, formatTable } from '../../format.js';
import { newestReleases, statusText } from '../../releases.js';
import { paint, print, printHeader, printJson } from '../../terminal.js';

/** `paas releases [-n 15]` */
export const command = defineCommand({
  summary: 'list the releases of an app',
  flags: {
    ...appFlags,
    ...jsonFlag,
    num: { type: 'string', short: 'n', value: 'N', summary: 'how many (15)' },
  },
  example: 'paas releases --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const count = parseCount('num', flags.num) ?? 15;
    const app = await session.app(flags);
    const releases = await newestReleases(await session.api(), app, count);
    if (flags.json) return printJson(terminal, releases);
    if (releases.length === 0) return print(terminal, `${app} has no releases.`);
    const current = releases.find((release) => release.current);
    printHeader(terminal, `${app} Releases${current === undefined ? '' : ` - Current: v${current.version}`}`);
    const now = new Date();
    const rows = releases.map((release) => {
      const status = statusText(release);
      const suffix = status === undefined ? '' : ` ${paint(terminal.hasColors, status.style, status.text)}`;
      return [
        `v${release.version}`,
        `${release.description}${suffix}`,
        release.user.email,
        formatAgo(new Date(release.created_at), now),
      ];
    });
    for (const line of formatTable(rows)) print(terminal, line);
  },
});
