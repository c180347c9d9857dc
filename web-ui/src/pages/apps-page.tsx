import { useEffect, useState } from 'preact/hooks';
import { ApiError, type Client, type DynoList } from '../api/client.js';
import type { App, Build, Release } from '../api/types.js';
import { useLive } from '../live/use-live.js';
import { AppRow, type AppRowFacts } from '../parts/app-row.js';
import { Button } from '../parts/button.js';
import { Commands } from '../parts/commands.js';
import { CreateAppDialog } from '../parts/create-app-dialog.js';
import { Problem, StaleBar } from '../parts/problem.js';
import { usePlatform } from '../platform.js';
import { type AppStatus, appStatus } from '../state/app-state.js';
import { appsSentence } from '../state/apps-sentence.js';

const refreshMs = 3000;
const requestsAtOnce = 3;

/** The list of apps: one row each, those that need someone first. */
export function AppsPage() {
  const { client } = usePlatform();
  const [isCreating, setIsCreating] = useState(false);
  const live = useLive('apps', (signal) => loadRows(client, signal), refreshMs);
  useEffect(() => {
    document.title = 'Apps · paas';
  }, []);
  const rows = live.data;
  return (
    <main id="main" class="page">
      {rows && <StaleBar error={live.error} warning={rows.find((row) => row.warning)?.warning} />}
      <div class="page-head">
        <h1 data-testid="apps-sentence">{rows ? appsSentence(rows.map((row) => row.status)) : 'Apps'}</h1>
        <Button look="main" onClick={() => setIsCreating(true)}>
          New app
        </Button>
      </div>
      {!rows && <Problem error={live.error} onRetry={() => void live.refresh()} />}
      {!rows && !live.error && <RowsLoading />}
      {rows?.length === 0 && <NoApps />}
      {rows && rows.length > 0 && (
        <ul class="ledger" aria-label="Apps">
          {rows.map((row) => (
            <AppRow key={row.app.id} {...row} />
          ))}
        </ul>
      )}
      {isCreating && <CreateAppDialog onClose={() => setIsCreating(false)} />}
    </main>
  );
}

function NoApps() {
  return (
    <section class="empty" data-testid="no-apps">
      <p>Create the first one from a directory with a Git repository in it:</p>
      <Commands label="Commands to type" lines={['paas create my-app', 'git push paas main', 'paas open']} />
      <p class="hint">
        The first line makes the app and adds a Git remote, the second builds and releases your code, the
        third opens it.
      </p>
    </section>
  );
}

function RowsLoading() {
  return (
    <div class="ledger" role="status" aria-label="Loading apps">
      {[0, 1, 2].map((row) => (
        <div key={row} class="row-loading" />
      ))}
    </div>
  );
}

async function loadRows(client: Client, signal: AbortSignal): Promise<AppRowFacts[]> {
  const apps = await client.listApps(signal);
  const waiting = [...apps];
  const rows: AppRowFacts[] = [];
  const work = async () => {
    for (let app = waiting.shift(); app; app = waiting.shift()) {
      const row = await loadRow(client, app, signal).catch(ifDestroyed);
      if (row) rows.push(row);
    }
  };
  await Promise.all(Array.from({ length: requestsAtOnce }, work));
  return rows.sort((a, b) => urgency(a.status) - urgency(b.status) || a.app.name.localeCompare(b.app.name));
}

async function loadRow(client: Client, app: App, signal: AbortSignal): Promise<AppRowFacts> {
  const known: [DynoList, Release[], Build[]] = await Promise.all([
    client.listDynos(app.name, signal),
    client.listReleases(app.name, 1, signal),
    client.listBuilds(app.name, 1, signal),
  ]);
  const [{ dynos, warning }, releases, builds] = known;
  return { app, dynos, warning, release: releases[0], status: appStatus({ app, dynos, releases, builds }) };
}

/** An app may be destroyed between the list and the questions about it. */
function ifDestroyed(error: unknown): undefined {
  if (error instanceof ApiError && error.status === 404) return undefined;
  throw error;
}

function urgency(status: AppStatus): number {
  return status.name === 'crashed' ? 0 : status.name === 'deploying' || status.name === 'starting' ? 1 : 2;
}
