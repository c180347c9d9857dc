import { useEffect, useState } from 'preact/hooks';
import { useLive } from '../live/use-live.js';
import { AppHead } from '../parts/app-head.js';
import { Link } from '../parts/link.js';
import { Problem, StaleBar } from '../parts/problem.js';
import { usePlatform } from '../platform.js';
import { appPath, type Tab } from '../routes.js';
import { type AppFacts, loadAppFacts } from '../state/app-facts.js';
import { BuildPage } from './build-page.js';
import { ConfigPage } from './config-page.js';
import { DomainsPage } from './domains-page.js';
import { DynoPage } from './dyno-page.js';
import { LogsPage } from './logs-page.js';
import { OverviewPage } from './overview-page.js';
import { ReleasesPage } from './releases-page.js';
import { SettingsPage } from './settings-page.js';

/** Which part of the app's pages is shown. */
export type AppView =
  | { kind: 'tab'; tab: Tab }
  | { kind: 'build'; id: string }
  | { kind: 'dyno'; name: string };

/** What each of an app's pages is given. */
export interface AppPageProps {
  readonly facts: AppFacts;
  readonly refresh: () => Promise<void>;
}

const refreshMs = 2500;
const pageOfHistory = 15;

/** One app: its head and tabs, and the page of the tab. Reads everything they share. */
export function AppPage({ name, view }: { name: string; view: AppView }) {
  const { client } = usePlatform();
  const [history, setHistory] = useState(pageOfHistory);
  const live = useLive(`app ${name}`, (signal) => loadAppFacts(client, { name, history, signal }), refreshMs);
  useEffect(() => {
    document.title = `${name} · ${titleOf(view)} · paas`;
  }, [name, view]);
  const { data: facts, error, refresh } = live;
  if (!facts) return <AppUnknown name={name} error={error} refresh={refresh} />;
  const showMore = () => {
    setHistory((before) => before + pageOfHistory * 2);
    setTimeout(() => void refresh(), 0);
  };
  const isLogs = view.kind === 'tab' && view.tab === 'logs';
  return (
    <main id="main" class={isLogs ? 'page page-wide' : 'page'}>
      <StaleBar error={error} warning={facts.warning} />
      <AppHead facts={facts} active={tabOf(view)} refresh={refresh} />
      {view.kind === 'build' ? (
        <BuildPage key={view.id} facts={facts} refresh={refresh} id={view.id} />
      ) : view.kind === 'dyno' ? (
        <DynoPage key={view.name} app={name} dyno={view.name} />
      ) : (
        <TabPage tab={view.tab} facts={facts} refresh={refresh} history={history} onMore={showMore} />
      )}
    </main>
  );
}

function tabOf(view: AppView): Tab {
  if (view.kind === 'tab') return view.tab;
  return view.kind === 'build' ? 'releases' : 'overview';
}

function titleOf(view: AppView): string {
  if (view.kind === 'tab') return view.tab;
  return view.kind === 'build' ? 'build' : view.name;
}

function TabPage(props: AppPageProps & { tab: Tab; history: number; onMore: () => void }) {
  const { tab, facts, refresh, history, onMore } = props;
  switch (tab) {
    case 'overview':
      return <OverviewPage facts={facts} refresh={refresh} />;
    case 'releases':
      return <ReleasesPage facts={facts} refresh={refresh} history={history} onMore={onMore} />;
    case 'logs':
      return <LogsPage app={facts.app.name} />;
    case 'config':
      return <ConfigPage facts={facts} refresh={refresh} />;
    case 'domains':
      return <DomainsPage app={facts.app.name} webUrl={facts.app.web_url} />;
    case 'settings':
      return <SettingsPage facts={facts} refresh={refresh} />;
  }
}

function AppUnknown(props: {
  name: string;
  error: Parameters<typeof Problem>[0]['error'];
  refresh: () => Promise<void>;
}) {
  const { name, error, refresh } = props;
  return (
    <main id="main" class="page">
      <p class="crumb">
        <Link to="/">All apps</Link>
      </p>
      <h1 class="app-name">
        <Link to={appPath(name)}>{name}</Link>
      </h1>
      {error ? (
        <Problem error={error} onRetry={() => void refresh()} />
      ) : (
        <div class="row-loading" role="status" aria-label={`Loading ${name}`} />
      )}
    </main>
  );
}
