import { getBuild } from '../../builds.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand } from '../../command.js';
import { copyOutput } from '../../output-stream.js';

/** `paas builds:output [ID]`: just the output, live while the build runs. */
export const command = defineCommand({
  summary: 'print the output of a build',
  args: '[BUILD]',
  arity: [0, 1],
  flags: { ...appFlags },
  example: 'paas builds:output --app example',
  async run(session, { args: [id], flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    const build = await getBuild(api, app, id);
    if (build.output_stream_url === null) throw new CliError(`Build ${build.id} has no output.`);
    await copyOutput(session, api, { url: build.output_stream_url, to: session.terminal.stdout });
  },
});
