// What the router should do for an app, from what is wished and what runs. Pure.

import type { App } from '../platform/apps.js';
import type { FormationEntry } from '../platform/formation.js';
import type { RoutedApp } from '../router/router-state.js';
import { type DynoContainer, dynoName, serverName } from './dyno.js';

/** The port that every web process is told to listen on: each dyno has an address of its own. */
export const WEB_PORT = 5000;

/** The app's entry in the router's table. `domain` is the one under which all apps live. */
export function routeApp(options: {
  app: App;
  domain: string;
  customHosts: readonly string[];
  hasCode: boolean;
  formation: readonly FormationEntry[];
  isAsleep: boolean;
  containers: readonly DynoContainer[];
  /** Whether a web dyno crashed and waits for its next try. */
  webCrashed: boolean;
}): RoutedApp {
  const { app } = options;
  const web = options.containers.filter((container) => container.type === 'web');
  const servers = web
    .filter(
      (container) => container.isRunning && container.ip !== undefined && container.phase !== 'starting',
    )
    .map((container) => ({
      name: serverName(container),
      dyno: dynoName(container),
      ip: container.ip ?? '',
      port: WEB_PORT,
      state: container.phase === 'up' ? ('ready' as const) : ('draining' as const),
    }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    id: app.id,
    name: app.name,
    hosts: [`${app.name}.${options.domain}`, ...options.customHosts],
    mode: modeOf(options, servers),
    servers,
  };
}

function modeOf(
  options: {
    app: App;
    hasCode: boolean;
    formation: readonly FormationEntry[];
    isAsleep: boolean;
    webCrashed: boolean;
  },
  servers: RoutedApp['servers'],
): RoutedApp['mode'] {
  if (options.app.maintenance) return 'maintenance';
  if (!options.hasCode) return 'blank';
  // Until it has stopped, a dyno that falls asleep finishes what it has; a new request wakes the app.
  const wakes = options.isAsleep && !servers.some((server) => server.state === 'ready');
  if (servers.length > 0 && !wakes) return 'live';
  const wantsWeb = options.formation.some((entry) => entry.type === 'web' && entry.quantity > 0);
  if (!wantsWeb) return 'no-web-dynos';
  if (wakes) return 'asleep';
  return options.webCrashed ? 'crashed' : 'booting';
}
