// HAProxy's whole configuration as text, from the state and the settings (pure). Host names and modes are in two map
// files, so that only a backend that HAProxy does not have yet needs a reload; everything else is changed while it
// runs, by the runtime API, and written here as well so that a reload or a restart loses nothing.

import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type ErrorPage, renderErrorPages } from './error-pages.js';
import { renderFrontend, returnPage } from './frontend.js';
import {
  checkRouterState,
  PLATFORM_KEY,
  ROUTER_KEY,
  type RoutedApp,
  type RoutedMode,
  type RouterState,
} from './router-state.js';
import {
  ADMIN_SOCKET,
  checkSettings,
  HOSTS_MAP,
  handoverAddress,
  MODES_MAP,
  type RouterSettings,
  WAKE_SOCKET,
} from './settings.js';

/** A server line of the runtime API and of the configuration. */
export interface WantedServer {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly state: 'ready' | 'draining';
}

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

/** Options of each app server, on its configuration line and in `add server`. */
export const SERVER_OPTIONS = 'maxconn 1000 pool-max-conn 1000 pool-purge-delay 2s';

const BOOT_QUEUE_SCRIPT = 'boot-queue.lua';
/** Seconds that a request waits for a dyno to boot (as long as Heroku's), and requests of one app that may wait at once. */
const BOOT_QUEUE = { seconds: 75, requests: 200 };

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
    ...platformBackend(settings.dir, state?.platform.address),
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
    '  option clitcpka',
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

function appDefaults(settings: RouterSettings): string[] {
  const half = Math.floor(settings.maxConnections / 2);
  return [
    '',
    'defaults app from base',
    '  balance leastconn',
    '  http-reuse safe',
    // Only a connection that could not be made is tried again: then no dyno has seen the request.
    '  retries 2',
    '  retry-on conn-failure',
    '  option redispatch 1',
    '  option abortonclose',
    // A stream of events may be silent for as long as Heroku lets any answer be; HAProxy 2.6 can't prolong the
    // timeout after the first byte.
    '  http-request set-timeout server 55s if { req.hdr(accept) -m sub text/event-stream }',
    '  http-request set-var(txn.code) str(H11) if { queue gt 1000 }',
    // One app can't take the connections of all.
    `  http-request set-var(txn.code) str(H22) if { be_conn gt ${half} }`,
    returnPage(settings.dir, 503, 'application-error', '{ var(txn.code) -m found }'),
  ];
}

/** For an app whose backend this worker does not have: its tables and its configuration disagree. */
function fallbackBackend(dir: string): string[] {
  return [
    '',
    'backend none from base',
    '  http-request set-var(txn.code) str(H99)',
    returnPage(dir, 503, 'application-error', '', 1),
  ];
}

/**
 * A worker that a reload has stopped knows old tables, and HAProxy does not let them be changed. It finishes what it
 * has; a further request on one of its connections goes to the worker that took over, with the client's address.
 */
function handoverBackend(dir: string): string[] {
  return [
    '',
    'backend handover from base',
    '  timeout server 1h',
    '  timeout tunnel 24h',
    '  http-reuse never',
    '  option http-no-delay',
    `  server newest ${handoverAddress(dir)} send-proxy-v2`,
  ];
}

function platformBackend(dir: string, address: string | undefined): string[] {
  return [
    '',
    'backend platform from base',
    // A push waits for its build, and a tail for its next line, without limit.
    '  timeout server 1h',
    '  timeout tunnel 24h',
    // Bridges a restart of the daemon: one try a second.
    '  retries 5',
    '  retry-on conn-failure',
    '  http-reuse never',
    '  option http-no-delay',
    ...['500', '502', '503', '504'].map((code) => `  errorfile ${code} ${join(dir, 'errors/platform.http')}`),
    ...(address === undefined ? [] : [`  server paasd ${address}`]),
  ];
}

function appBackends(backends: RenderedRouter['backends']): string[] {
  return [...backends].flatMap(([name, servers]) => [
    '',
    `backend ${name} from app`,
    // A draining server has its requests in a worker that runs; a new worker has no use for it.
    ...servers
      .filter((server) => server.state === 'ready')
      .map((server) => `  server ${server.name} ${server.ip}:${server.port} ${SERVER_OPTIONS}`),
  ]);
}

function bootQueueScript(dir: string): string {
  return `-- Lets a request wait until its app is neither "booting" nor "asleep", and has the daemon wake a sleeping one.
local modes = Map.new("${join(dir, MODES_MAP)}", Map._str)
local waiting = {}
local asked = {}

local function seconds()
  local now = core.now()
  return now.sec + now.usec / 1000000
end

-- One of all requests that wait for an app asks, again each second: the daemon may be away.
local function ask(app, now)
  if now - (asked[app] or 0) < 1 then return end
  asked[app] = now
  local socket = core.tcp()
  socket:settimeout(1)
  if socket:connect("unix@${join(dir, WAKE_SOCKET)}") then socket:send(app .. "\\n") end
  socket:close()
end

-- HAProxy ends a wait without a word when its client has left: who was not seen for two seconds waits no more.
local function waits(app, now)
  local count = 0
  for place, seen in pairs(waiting[app]) do
    if now - seen > 2 then waiting[app][place] = nil else count = count + 1 end
  end
  return count
end

core.register_action("wait_for_dyno", { "http-req" }, function(txn)
  local app = txn:get_var("txn.app")
  local start = seconds()
  local now = start
  local place = {}
  waiting[app] = waiting[app] or {}
  if waits(app, now) >= ${BOOT_QUEUE.requests} then return end
  local mode = modes:lookup(app)
  -- A stopped worker learns of no change; the newest one goes on waiting.
  while (mode == "booting" or mode == "asleep") and now - start < ${BOOT_QUEUE.seconds} and txn.f:stopping() == 0 do
    waiting[app][place] = now
    if mode == "asleep" then ask(app, now) end
    core.msleep(now - start < 5 and 20 or 200)
    mode = modes:lookup(app)
    now = seconds()
    waiting[app] = waiting[app] or {}
  end
  waiting[app][place] = nil
  if next(waiting[app]) == nil then
    waiting[app] = nil
    asked[app] = nil
  end
end)
`;
}
