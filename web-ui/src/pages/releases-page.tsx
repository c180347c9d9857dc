import { useState } from 'preact/hooks';
import type { Release } from '../api/types.js';
import { Button } from '../parts/button.js';
import { BuildLink, momentCommit, momentStatus, momentTitle, momentTone } from '../parts/moment-text.js';
import { RollbackDialog } from '../parts/rollback-dialog.js';
import { Ago } from '../parts/time.js';
import { type Moment, timeline } from '../state/timeline.js';
import type { AppPageProps } from './app-page.js';

/** The history of an app: every release and failed build, newest first; any release with code can come back. */
export function ReleasesPage(props: AppPageProps & { history: number; onMore: () => void }) {
  const { facts, refresh, history, onMore } = props;
  const [target, setTarget] = useState<Release | undefined>();
  const moments = timeline(facts.releases, facts.builds);
  return (
    <section aria-labelledby="releases">
      <h2 id="releases" class="visually-hidden">
        Releases
      </h2>
      <ol class="timeline" aria-label="Releases, newest first">
        {moments.map((moment) => (
          <MomentLine
            key={moment.kind === 'release' ? moment.release.id : moment.build.id}
            app={facts.app.name}
            moment={moment}
            onRollback={setTarget}
          />
        ))}
      </ol>
      {facts.releases.length >= history && <Button onClick={onMore}>Show older releases</Button>}
      {target && (
        <RollbackDialog
          facts={facts}
          target={target}
          refresh={refresh}
          onClose={() => setTarget(undefined)}
        />
      )}
    </section>
  );
}

function MomentLine(props: { app: string; moment: Moment; onRollback: (release: Release) => void }) {
  const { app, moment, onRollback } = props;
  const release = moment.kind === 'release' ? moment.release : undefined;
  const { email } = (release ?? (moment.kind === 'build' ? moment.build : moment.release)).user;
  const commit = momentCommit(moment);
  const status = momentStatus(moment);
  const testId = release ? `release-v${release.version}` : 'build-without-release';
  const canReturn = release && canRollBackTo(release);
  return (
    <li
      class={`moment tone-${momentTone(moment)}`}
      data-testid={testId}
      data-status={(release ?? moment.build)?.status}
    >
      <span class="moment-version">{release ? `v${release.version}` : '—'}</span>
      <i class="moment-dot" aria-hidden="true" />
      <div class="moment-body">
        <p class="moment-title">
          {momentTitle(moment)}
          {commit && <code>{commit}</code>}
          {release?.current && <span class="tag">current</span>}
          {status && <span class="moment-status">{status}</span>}
        </p>
        <p class="hint">
          <Ago at={moment.at} /> by {email}
        </p>
      </div>
      <div class="moment-end">
        <BuildLink app={app} moment={moment} />
        {canReturn && (
          <Button onClick={() => onRollback(release)} aria-label={`Roll back to v${release.version}`}>
            Roll back
          </Button>
        )}
      </div>
    </li>
  );
}

function canRollBackTo(release: Release): boolean {
  const hasRun = release.status === 'succeeded' && release.slug !== null;
  return hasRun && !release.current && release.eligible_for_rollback;
}
