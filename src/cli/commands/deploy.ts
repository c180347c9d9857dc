import type { Stats } from 'node:fs';
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Readable } from 'node:stream';
import type { ApiClient } from '../api-client.js';
import type { ApiBuild } from '../api-types.js';
import { waitForBuild } from '../builds.js';
import { CliError, usageError } from '../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../command.js';
import { interruptible } from '../interrupt.js';
import { copyOutput } from '../output-stream.js';
import type { Session } from '../session.js';
import { packDirectory } from '../source-archive.js';
import { note, printJson, warn } from '../terminal.js';
import { showProgress } from '../upload-progress.js';

const EXIT_INTERRUPTED = 130;

/** `paas deploy [DIR|TARBALL]` or `--image REF`: builds, releases, and shows the output until the dynos are up. */
export const command = defineCommand({
  summary: 'build and release a directory, an archive or an image',
  args: '[DIRECTORY|ARCHIVE.tar.gz]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    image: { type: 'string', short: 'i', value: 'REF', summary: 'release this container image' },
  },
  example: 'paas deploy . --app example',
  async run(session, { args: [path], flags }) {
    const { terminal } = session;
    if (path !== undefined && flags.image !== undefined)
      throw usageError('Give a path or --image, not both.');
    const app = await session.app(flags);
    const api = await session.api();
    await using interrupt = interruptible();
    const build =
      flags.image === undefined
        ? await upload(session, api, { app, path: path ?? '.', signal: interrupt.signal })
        : await api.request<ApiBuild>('POST', `/apps/${app}/builds`, { json: { image: flags.image } });
    const cancel = async () => {
      note(terminal, '\nCanceling the build... (Ctrl-C again to leave)');
      await api.request('DELETE', `/apps/${app}/builds/${build.id}`);
    };
    interrupt.onInterrupt(cancel, (error) =>
      warn(terminal, error instanceof Error ? error.message : String(error)),
    );
    const to = flags.json ? terminal.stderr : terminal.stdout;
    const url = build.output_stream_url ?? `/apps/${app}/builds/${build.id}/output`;
    const { lastLine, wasCut } = await copyOutput(session, api, { url, to });
    const ended = await waitForBuild(api, { app, id: build.id, signal: session.signal });
    if (flags.json) printJson(terminal, ended);
    // A daemon that was killed never wrote how its rollout ended.
    const isUntold = wasCut && !/ deployed$| instead$| ! {5}/.test(lastLine.trimEnd());
    if (isUntold && ended.status === 'succeeded')
      note(
        terminal,
        `The platform restarted meanwhile; the release goes live by itself. See: paas ps -a ${app}`,
      );
    if (interrupt.signal.aborted && ended.status !== 'succeeded') return EXIT_INTERRUPTED;
    return ended.status === 'succeeded' && !lastLine.startsWith(' !     ') ? 0 : 1;
  },
});

/** Sends the source; Ctrl-C meanwhile ends the upload, and nothing was built. */
async function upload(
  { terminal, cwd, signal }: Session,
  api: ApiClient,
  source: { app: string; path: string; signal: AbortSignal },
): Promise<ApiBuild> {
  const path = resolve(cwd, source.path);
  const stats = await stat(path).catch((error: unknown) => {
    throw usageError(`${source.path} does not exist.`, error instanceof Error ? error.message : undefined);
  });
  const { stream, length } = await openSource(path, stats, (name) =>
    warn(terminal, `Left out (not a file): ${name}`),
  );
  const progress = showProgress(terminal, stream);
  try {
    const body = {
      stream: progress.stream,
      type: 'application/gzip',
      ...(length === undefined ? {} : { length }),
    };
    const build = await api.request<ApiBuild>('POST', `/apps/${source.app}/builds`, {
      body,
      signal: source.signal,
    });
    progress.done();
    return build;
  } catch (error) {
    progress.failed();
    if (!source.signal.aborted || signal.aborted) throw error;
    throw new CliError('Canceled: nothing was deployed.', { exitCode: EXIT_INTERRUPTED, cause: error });
  }
}

async function openSource(
  path: string,
  stats: Stats,
  onSkipped: (name: string) => void,
): Promise<{ stream: Readable; length: number | undefined }> {
  if (stats.isDirectory()) return { stream: packDirectory(path, onSkipped), length: undefined };
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(2), 0, 2, 0);
  if (!stats.isFile() || buffer[0] !== 0x1f || buffer[1] !== 0x8b) {
    throw usageError(`${path} is neither a directory nor a .tar.gz archive.`);
  }
  return { stream: createReadStream(path), length: stats.size };
}
