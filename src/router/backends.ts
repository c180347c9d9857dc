// Where requests go: the backends of HAProxy's configuration, as lines of text (pure). Which one gets a request is for
// frontend.ts to say.

import { join } from 'node:path';
import { returnPage } from './frontend.js';
import { handoverAddress, type RouterSettings } from './settings.js';

/** A server line of the runtime API and of the configuration. */
export interface WantedServer {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly state: 'ready' | 'draining';
}

/** Options of each app server, on its configuration line and in `add server`. */
export const SERVER_OPTIONS = 'maxconn 1000 pool-max-conn 1000 pool-purge-delay 2s';

/** Requests of one app that may wait for a place in one of its dynos. */
const QUEUE_LIMIT = 1000;

/**
 * What an app hears of a request from us; what the client said of it is deleted before. One rule for all of it, as each rule
 * costs more than what it says. HAProxy takes the line ends of a rule as they are, and writes those of a value as `%0D%0A`.
 */
function addIdentityHeaders({ httpPort }: RouterSettings): string {
  const headers = [
    '%[var(sess.client)]',
    // The one listener, which speaks no TLS.
    'X-Forwarded-Proto: http',
    `X-Forwarded-Port: ${httpPort}`,
    'X-Request-Id: %[var(txn.request_id)]',
    'X-Request-Start: %[date(0,ms)]',
    'Via: 1.1 paas',
  ];
  return `  http-request add-header X-Forwarded-For "${headers.join('\\r\\n')}"`;
}

/** What all apps' backends have in common. */
export function appDefaults(settings: RouterSettings): string[] {
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
    addIdentityHeaders(settings),
    // Far from both limits, as most often.
    `  http-request allow unless { be_conn gt ${Math.min(QUEUE_LIMIT, half)} }`,
    `  http-request set-var(txn.code) str(H11) if { queue gt ${QUEUE_LIMIT} }`,
    // One app can't take the connections of all.
    `  http-request set-var(txn.code) str(H22) if { be_conn gt ${half} }`,
    returnPage(settings.dir, 503, 'application-error', '{ var(txn.code) -m found }'),
  ];
}

/** For an app whose backend this worker does not have: its tables and its configuration disagree. */
export function fallbackBackend(dir: string): string[] {
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
export function handoverBackend(dir: string): string[] {
  return [
    '',
    'backend handover from base',
    // The newest one logs it.
    '  http-request set-log-level silent',
    '  timeout server 1h',
    '  timeout tunnel 24h',
    '  http-reuse never',
    '  option http-no-delay',
    `  server newest ${handoverAddress(dir)} send-proxy-v2`,
  ];
}

/** The daemon, at this address; undefined: not known yet. */
export function platformBackend(settings: RouterSettings, address: string | undefined): string[] {
  return [
    '',
    'backend platform from base',
    addIdentityHeaders(settings),
    // A push waits for its build, and a tail for its next line, without limit.
    '  timeout server 1h',
    '  timeout tunnel 24h',
    // Bridges a restart of the daemon: one try a second.
    '  retries 5',
    '  retry-on conn-failure',
    '  http-reuse never',
    '  option http-no-delay',
    ...['500', '502', '503', '504'].map(
      (code) => `  errorfile ${code} ${join(settings.dir, 'errors/platform.http')}`,
    ),
    ...(address === undefined ? [] : [`  server paasd ${address}`]),
  ];
}

/** One backend an app, by its name. */
export function appBackends(backends: ReadonlyMap<string, readonly WantedServer[]>): string[] {
  return [...backends].flatMap(([name, servers]) => [
    '',
    `backend ${name} from app`,
    // A draining server has its requests in a worker that runs; a new worker has no use for it.
    ...servers
      .filter((server) => server.state === 'ready')
      .map((server) => `  server ${server.name} ${server.ip}:${server.port} ${SERVER_OPTIONS}`),
  ]);
}
