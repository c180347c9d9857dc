import type { AppFacts } from '../state/app-facts.js';
import { codeCommit } from '../state/timeline.js';
import { CopyButton } from './commands.js';
import { Ago } from './time.js';

/** What the app runs and where it is reached, as a list of terms. */
export function Facts({ facts }: { facts: AppFacts }) {
  const { app, releases } = facts;
  const current = releases.find((release) => release.current);
  const commit = current && codeCommit(current, facts);
  return (
    <section aria-labelledby="running">
      <h2 id="running">Running</h2>
      <dl class="facts">
        {current && (
          <>
            <dt>Release</dt>
            <dd data-testid="current-release">
              <b>v{current.version}</b> {current.description}
            </dd>
            {commit && (
              <>
                <dt>Commit</dt>
                <dd class="mono">{commit}</dd>
              </>
            )}
            <dt>Released</dt>
            <dd>
              <Ago at={current.created_at} /> by {current.user.email}
            </dd>
          </>
        )}
        <dt>Git</dt>
        <dd class="with-copy">
          <code class="clip" title={app.git_url}>
            {app.git_url}
          </code>
          <CopyButton text={app.git_url} what="Git address" />
        </dd>
        <dt>Stack</dt>
        <dd>{app.stack.name}</dd>
        <dt>Owner</dt>
        <dd>{app.owner.email}</dd>
      </dl>
    </section>
  );
}
