import type { App, Dyno, Release } from '../api/types.js';
import { appPath } from '../routes.js';
import { type AppStatus, processDynos } from '../state/app-state.js';
import { DynoCells } from './dyno-cells.js';
import { Link } from './link.js';
import { StateMark } from './state-mark.js';
import { Ago } from './time.js';

/** What a row of the list shows. */
export interface AppRowFacts {
  readonly app: App;
  readonly dynos: readonly Dyno[];
  /** Why they are shown as they were seen earlier; undefined: they are not. */
  readonly warning: string | undefined;
  readonly release: Release | undefined;
  readonly status: AppStatus;
}

/** One app in the list; the whole row leads to it. */
export function AppRow({ app, dynos, release, status }: Omit<AppRowFacts, 'warning'>) {
  return (
    <li>
      <Link to={appPath(app.name)} class={`app-row edge-${status.name}`} data-testid={`app-row-${app.name}`}>
        <span class="app-row-name">{app.name}</span>
        <span class="app-row-state">
          <StateMark status={status} />
          <DynoCells dynos={processDynos(dynos)} />
        </span>
        <span class="app-row-release">
          {release && <b>v{release.version}</b>} <span class="app-row-change">{release?.description}</span>
        </span>
        <span class="app-row-time">{release && <Ago at={release.created_at} />}</span>
      </Link>
    </li>
  );
}
