import { useEffect, useRef } from 'preact/hooks';
import { useAction } from '../live/use-action.js';
import { usePlatform } from '../platform.js';
import { appPath, type Tab, tabs } from '../routes.js';
import type { AppFacts } from '../state/app-facts.js';
import { appStatus } from '../state/app-state.js';
import { Button } from './button.js';
import { Link } from './link.js';
import { Problem } from './problem.js';
import { StateMark } from './state-mark.js';

/** Name, state and address of an app, the maintenance notice, and the tabs. */
export function AppHead(props: { facts: AppFacts; active: Tab; refresh: () => Promise<void> }) {
  const { facts, active, refresh } = props;
  const { app } = facts;
  const status = appStatus(facts);
  const nav = useRef<HTMLElement>(null);
  useEffect(() => {
    // On a phone the tabs do not all fit.
    nav.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [active]);
  return (
    <header class="app-head">
      <p class="crumb">
        <Link to="/">All apps</Link>
      </p>
      <div class="app-title">
        <h1 class="app-name">{app.name}</h1>
        <p class="app-status">
          <StateMark status={status} />
          <span class="app-detail">{status.detail}</span>
        </p>
        {app.web_url && (
          <a class="app-url" href={app.web_url} target="_blank" rel="noreferrer" data-testid="app-url">
            {app.web_url.replace(/^https?:\/\/|\/$/g, '')}
            <span aria-hidden="true"> ↗</span>
          </a>
        )}
      </div>
      {app.maintenance && <MaintenanceBar app={app.name} refresh={refresh} />}
      <nav ref={nav} class="tabs" aria-label={`Pages of ${app.name}`}>
        {tabs.map((tab) => (
          <Link key={tab} to={appPath(app.name, tab)} aria-current={tab === active ? 'page' : undefined}>
            {tab}
          </Link>
        ))}
      </nav>
    </header>
  );
}

function MaintenanceBar({ app, refresh }: { app: string; refresh: () => Promise<void> }) {
  const { client, notify } = usePlatform();
  const turnOff = useAction(async () => {
    await client.updateApp(app, { maintenance: false });
    await refresh();
    notify({ tone: 'good', text: `Maintenance mode of ${app} is off.` });
  });
  return (
    <div class="maintenance-bar" role="status" data-testid="maintenance-bar">
      <span>Maintenance mode is on: visitors see the maintenance page, dynos keep running.</span>
      <Button onClick={() => void turnOff.run()} isBusy={turnOff.isBusy}>
        Turn off
      </Button>
      <Problem error={turnOff.error} />
    </div>
  );
}
