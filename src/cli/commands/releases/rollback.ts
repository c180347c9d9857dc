import type { ApiClient } from '../../api-client.js';
import type { ApiRelease } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { copyOutput } from '../../output-stream.js';
import { getRelease, newestReleases } from '../../releases.js';
import { action, note, printJson, warn } from '../../terminal.js';

/** `paas rollback [vN]`: without a release, the one before the current one that can be rolled back to. */
export const command = defineCommand({
  summary: 'go back to an earlier release: its code and config vars',
  args: '[RELEASE]',
  arity: [0, 1],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas rollback v10 --app example',
  async run(session, { args: [typed], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const { target, latest } = await choose(api, app, typed);
    const release = await action(
      terminal,
      `Rolling back ${app} to v${target.version}`,
      () => api.request<ApiRelease>('POST', `/apps/${app}/releases`, { json: { release: target.id } }),
      (made) => `done, v${made.version}`,
    );
    warn(terminal, "Rollback affects code and config vars; it doesn't add or remove addons.");
    warn(terminal, `To undo, run: paas rollback v${latest.version}`);
    if (flags.json) printJson(terminal, release);
    if (release.output_stream_url !== null && release.status === 'pending') {
      note(terminal, 'Running release command...');
      await copyOutput(session, api, { url: release.output_stream_url, to: terminal.stderr });
      const after = await getRelease(api, app, String(release.version));
      if (after.status === 'failed')
        throw new CliError('Release command failed: the dynos go on as they were.');
    }
  },
});

async function choose(
  api: ApiClient,
  app: string,
  typed: string | undefined,
): Promise<{ target: ApiRelease; latest: ApiRelease }> {
  const releases = await newestReleases(api, app, 100);
  const latest = releases.find((release) => release.current) ?? releases[0];
  // One that the platform went back from is no place to go back to, unless it is named.
  const before = releases.find(
    (release) =>
      release.version < (latest?.version ?? 0) && release.eligible_for_rollback && release.undone_by === null,
  );
  const target = typed === undefined ? before : await getRelease(api, app, typed);
  if (target === undefined || latest === undefined) {
    throw new CliError(`No eligible release found for ${app} to roll back to.`, {
      hint: `See: paas releases --app ${app}`,
    });
  }
  return { target, latest };
}
