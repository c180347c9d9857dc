import { appFlags, defineCommand } from '../../command.js';
import { copyOutput } from '../../output-stream.js';
import { getRelease } from '../../releases.js';
import { warn } from '../../terminal.js';

/** `paas releases:output [vN]`: what the release phase of a release printed, live while it runs. */
export const command = defineCommand({
  summary: 'show the output of a release command',
  args: '[RELEASE]',
  arity: [0, 1],
  flags: { ...appFlags },
  example: 'paas releases:output v10 --app example',
  async run(session, { args: [typed], flags }) {
    const app = await session.app(flags);
    const api = await session.api();
    const release = await getRelease(api, app, typed);
    if (release.output_stream_url === null) {
      return warn(session.terminal, `Release v${release.version} has no release output available.`);
    }
    await copyOutput(session, api, { url: release.output_stream_url, to: session.terminal.stdout });
  },
});
