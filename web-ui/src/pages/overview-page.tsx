import { Commands } from '../parts/commands.js';
import { Facts } from '../parts/facts.js';
import { OneOffDynos } from '../parts/one-off-dynos.js';
import { ProcessCard } from '../parts/process-card.js';
import { RecentMoments } from '../parts/recent-moments.js';
import { RestartAll } from '../parts/restart.js';
import { appStatus } from '../state/app-state.js';
import type { AppPageProps } from './app-page.js';

/** What runs: each process type with its dynos and scale, and what they run. */
export function OverviewPage({ facts, refresh }: AppPageProps) {
  const { app, dynos, formation } = facts;
  const isBlank = appStatus({ ...facts, app: { maintenance: false } }).name === 'blank';
  const types = formation.filter((entry) => entry.type !== 'release');
  return (
    <div class="overview">
      <section class="overview-main" aria-labelledby="processes">
        <div class="section-head">
          <h2 id="processes">Processes</h2>
          {types.length > 0 && <RestartAll app={app.name} refresh={refresh} />}
        </div>
        {isBlank && types.length === 0 ? (
          <DeployFirst name={app.name} gitUrl={app.git_url} />
        ) : (
          types.map((entry) => (
            <ProcessCard
              key={entry.type}
              app={app.name}
              entry={entry}
              dynos={dynos.filter((dyno) => dyno.type === entry.type)}
              explanations={facts.explanations}
              refresh={refresh}
            />
          ))
        )}
        {!isBlank && types.length === 0 && (
          <p class="hint">The current release has no process types. Add a Procfile.</p>
        )}
        <OneOffDynos app={app.name} dynos={dynos} />
      </section>
      <aside class="overview-side">
        <Facts facts={facts} />
        <RecentMoments facts={facts} />
      </aside>
    </div>
  );
}

function DeployFirst({ name, gitUrl }: { name: string; gitUrl: string }) {
  return (
    <div class="empty" data-testid="deploy-first">
      <p>No code yet. In a Git repository with your app in it:</p>
      <Commands label="Commands to type" lines={[`git remote add paas ${gitUrl}`, 'git push paas main']} />
      <p class="hint">
        Or, with the command line: <code>paas git:remote -a {name}</code>. This page shows the build as it
        runs.
      </p>
    </div>
  );
}
