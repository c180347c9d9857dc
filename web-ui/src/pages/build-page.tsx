import { useEffect, useRef } from 'preact/hooks';
import type { Build } from '../api/types.js';
import { useAction } from '../live/use-action.js';
import { useLive } from '../live/use-live.js';
import { type Output, useOutput } from '../live/use-output.js';
import { Button } from '../parts/button.js';
import { Link } from '../parts/link.js';
import { OutputText } from '../parts/output-text.js';
import { Problem } from '../parts/problem.js';
import { Ago } from '../parts/time.js';
import { usePlatform } from '../platform.js';
import { appPath } from '../routes.js';
import { isRunning } from '../state/app-state.js';
import { shortCommit } from '../state/timeline.js';
import type { AppPageProps } from './app-page.js';

const refreshMs = 2500;

/** One build: what it was made from, and its output, live while it runs. */
export function BuildPage({ facts, refresh, id }: AppPageProps & { id: string }) {
  const { client } = usePlatform();
  const app = facts.app.name;
  const live = useLive(`build ${app} ${id}`, (signal) => client.getBuild(app, id, signal), refreshMs);
  const build = live.data;
  if (!build) {
    return live.error ? (
      <Problem error={live.error} onRetry={() => void live.refresh()} />
    ) : (
      <div class="row-loading" role="status" aria-label="Loading the build" />
    );
  }
  const release = facts.releases.find((candidate) => candidate.id === build.release?.id);
  const onEnd = () => void Promise.all([live.refresh(), refresh()]);
  return (
    <section aria-labelledby="build">
      <p class="crumb">
        <Link to={appPath(app, 'releases')}>Releases</Link>
      </p>
      <div class="section-head">
        <h2 id="build">
          Build{build.source_blob?.version && <> of {shortCommit(build.source_blob.version)}</>}{' '}
          <span class={`build-status build-${build.status}`} data-testid="build-status">
            {build.status}
          </span>
        </h2>
        {isRunning(build.status) && <CancelBuild app={app} id={id} refresh={live.refresh} />}
      </div>
      <p class="hint">
        Started <Ago at={build.created_at} /> by {build.user.email}
        {release && `, released as v${release.version}`}
      </p>
      <BuildOutput build={build} onEnd={onEnd} />
    </section>
  );
}

function BuildOutput({ build, onEnd }: { build: Build; onEnd: () => void }) {
  const { client } = usePlatform();
  const output = useOutput(client, { key: build.id, url: build.output_stream_url }, onEnd);
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  useEffect(() => {
    const element = box.current;
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight;
  }, [output]);
  const onScroll = () => {
    const element = box.current;
    if (element) isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
  };
  return (
    <>
      {output.error && <Problem error={output.error} />}
      <div
        ref={box}
        class="output"
        role="log"
        aria-label="Build output"
        aria-live="off"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
        tabIndex={0}
        onScroll={onScroll}
      >
        <OutputText output={output} />
      </div>
      <p class="hint output-foot" role="status" data-testid="output-state">
        {outputFoot(output)}
      </p>
    </>
  );
}

function outputFoot(output: Output): string {
  if (output.state === 'loading') return 'Waiting for output…';
  if (output.state === 'live') return 'Running; new output appears by itself.';
  return output.state === 'ended' ? 'End of the output.' : '';
}

function CancelBuild({ app, id, refresh }: { app: string; id: string; refresh: () => Promise<void> }) {
  const { client } = usePlatform();
  const cancel = useAction(async () => {
    await client.cancelBuild(app, id);
    await refresh();
  });
  return (
    <>
      <Button look="danger" isBusy={cancel.isBusy} onClick={() => void cancel.run()}>
        {cancel.isBusy ? 'Canceling…' : 'Cancel build'}
      </Button>
      <Problem error={cancel.error} />
    </>
  );
}
