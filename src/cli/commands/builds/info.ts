import { getBuild } from '../../builds.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatAgo, formatFields } from '../../format.js';
import { copyOutput } from '../../output-stream.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas builds:info [ID]`: the build and its whole output. */
export const command = defineCommand({
  summary: 'show a build and its output',
  args: '[BUILD]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas builds:info --app example',
  async run(session, { args: [id], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const build = await getBuild(api, app, id);
    if (flags.json) return printJson(terminal, build);
    printHeader(terminal, `Build ${build.id}`);
    const fields = [
      ['By', build.user.email],
      ['Source', build.source_blob?.version ?? build.source_kind],
      ['Status', build.position === null ? build.status : `${build.status} (place ${build.position})`],
      ...(build.error === null ? [] : [['Reason', build.error] as const]),
      ['When', formatAgo(new Date(build.created_at), new Date())],
    ] as const;
    for (const line of formatFields(fields)) print(terminal, line);
    if (build.output_stream_url === null) return;
    print(terminal);
    await copyOutput(session, api, { url: build.output_stream_url, to: terminal.stdout });
  },
});
