// HAProxy's whole configuration as text, from the state and the settings (pure). Host names and modes are in two map
// files, so that only a backend that HAProxy does not have yet needs a reload; everything else is changed while it
// runs, by the runtime API, and written here as well so that a reload or a restart loses nothing.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import {
  appBackends,
  appDefaults,
  fallbackBackend,
  handoverBackend,
  platformBackend,
  SERVER_OPTIONS,
  type WantedServer,
} from './backends.js';
import { BOOT_QUEUE_SCRIPT, bootQueueScript } from './boot-queue.js';
import { type ErrorPage, renderErrorPages } from './error-pages.js';
import { renderFrontend } from './frontend.js';
import {
  checkRouterState,
  PLATFORM_KEY,
  ROUTER_KEY,
  type RoutedApp,
  type RoutedMode,
  type RouterState,
} from './router-state.js';
import { ADMIN_SOCKET, checkSettings, HOSTS_MAP, MODES_MAP, type RouterSettings } from './settings.js';

/** What HAProxy must know: the tables that the runtime API can change, and the files that say the same. */
export interface RenderedRouter {
  readonly config: string;
  /** Identifies everything of `config` but the list of app backends; HAProxy tells it in `show info`. */
  readonly fingerprint: string;
  /**
   * Backend name to its servers. Each app has a backend from its creation on: so its first deploy needs no reload,
   * and a request that waits for its first dyno waits in a worker that will know it.
   */
  readonly backends: ReadonlyMap<string, readonly WantedServer[]>;
  /** Host name to app id (or `platform`). */
  readonly hosts: ReadonlyMap<string, string>;
  /** App id to mode, and `router` to `starting` or `ready`. */
  readonly modes: ReadonlyMap<string, string>;
  /** Files beside the configuration: maps, pages, the script of the boot queue; paths relative to `dir`. */
  readonly files: readonly ErrorPage[];
}

/** The name of an app's backend in HAProxy. */
export function backendName(appId: string): string {
  return `app-${appId}`;
}

/** The mode that the router acts on: `live` without a ready server waits like `booting`. */
export function effectiveMode(app: RoutedApp): RoutedMode {
  if (app.mode !== 'live') return app.mode;
  return app.servers.some((server) => server.state === 'ready') ? 'live' : 'booting';
}

/**
 * Renders everything for `state`, or, when it is undefined (nothing is known yet), a router that answers each request
 * with the page "starting". Throws when a value has a character that HAProxy must not see.
 */
export function renderRouter(settings: RouterSettings, state: RouterState | undefined): RenderedRouter {
  checkSettings(settings);
  if (state !== undefined) checkRouterState(state);
  const apps = [...(state?.apps ?? [])].sort((a, b) => (a.id < b.id ? -1 : 1));
  const hosts = new Map<string, string>();
  const modes = new Map<string, string>([[ROUTER_KEY, state === undefined ? 'starting' : 'ready']]);
  if (state !== undefined) hosts.set(state.platform.host, PLATFORM_KEY);
  const backends = new Map<string, readonly WantedServer[]>();
  for (const app of apps) {
    for (const host of app.hosts) hosts.set(host, app.id);
    modes.set(app.id, effectiveMode(app));
    backends.set(backendName(app.id), app.servers);
  }
  const pages = renderErrorPages();
  const script = bootQueueScript(settings.dir);
  const fixed = [
    ...baseDefaults(settings.dir),
    '',
    'defaults front from base',
    // A client that leaves while it waits for a dyno takes no place in the boot queue.
    '  option abortonclose',
    ...renderFrontend(settings),
    ...appDefaults(settings),
    ...fallbackBackend(settings.dir),
    ...handoverBackend(settings.dir),
    ...platformBackend(settings, state?.platform.address),
  ];
  const fingerprint = createHash('sha256')
    .update(JSON.stringify([globalSection(settings, ''), fixed, SERVER_OPTIONS, script, pages]))
    .digest('hex')
    .slice(0, 24);
  const lines = [...globalSection(settings, fingerprint), ...fixed, ...appBackends(backends)];
  return {
    config: `${lines.join('\n')}\n`,
    fingerprint,
    backends,
    hosts,
    modes,
    files: [
      { file: HOSTS_MAP, content: mapFile(hosts) },
      { file: MODES_MAP, content: mapFile(modes) },
      { file: BOOT_QUEUE_SCRIPT, content: script },
      ...pages.map((page) => ({ file: join('errors', page.file), content: page.content })),
    ],
  };
}

function mapFile(map: ReadonlyMap<string, string>): string {
  return [...map].map(([key, value]) => `${key} ${value}\n`).join('');
}

function globalSection(settings: RouterSettings, fingerprint: string): string[] {
  return [
    'global',
    '  master-worker',
    `  description paas-${fingerprint}`,
    `  stats socket ${join(settings.dir, ADMIN_SOCKET)} mode 600 level admin expose-fd listeners`,
    // Raw lines on standard output, which is the access log's pipe.
    '  log stdout len 4096 format raw local0 info',
    `  maxconn ${settings.maxConnections}`,
    `  nbthread ${settings.threads}`,
    // So that the access log has paths as long as Heroku's.
    '  tune.http.logurilen 3072',
    '  no strict-limits',
    // An old worker ends with its last connection; only what is left of a WebSocket after a day is cut.
    '  hard-stop-after 24h',
    '  mworker-max-reloads 500',
    `  lua-load ${join(settings.dir, BOOT_QUEUE_SCRIPT)}`,
    ...(settings.runAs === undefined
      ? []
      : [`  user ${settings.runAs.user}`, `  group ${settings.runAs.group}`]),
  ];
}

function baseDefaults(dir: string): string[] {
  const errors = join(dir, 'errors');
  return [
    '',
    'defaults base',
    '  mode http',
    '  log global',
    '  option dontlognull',
    '  option http-ignore-probes',
    // A client that vanished without a word is noticed within three minutes; the kernel's own habit is two hours, for
    // which a WebSocket or a one-off dyno would be kept.
    '  option clitcpka',
    '  clitcpka-idle 60s',
    '  clitcpka-intvl 20s',
    '  clitcpka-cnt 6',
    // An old worker answers one more request on an idle connection, with "Connection: close", instead of closing it
    // under a client that is just sending.
    '  option idle-close-on-response',
    '  timeout client 60s',
    '  timeout client-fin 30s',
    '  timeout http-request 10s',
    '  timeout http-keep-alive 20s',
    '  timeout connect 5s',
    '  timeout queue 30s',
    '  timeout server 30s',
    '  timeout server-fin 30s',
    '  timeout tunnel 1h',
    `  errorfile 400 ${errors}/400.http`,
    `  errorfile 405 ${errors}/405.http`,
    `  errorfile 408 ${errors}/408.http`,
    ...['500', '502', '503', '504'].map((code) => `  errorfile ${code} ${errors}/application-error.http`),
  ];
}
