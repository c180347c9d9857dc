// What is to be routed, and the one gate in front of HAProxy: every value is checked here, against a narrow
// character set, before it reaches a file or a socket of HAProxy.

import { isIPv4 } from 'node:net';
import { quoteValue } from '../errors.js';

/** Everything that the router is to route: the platform itself and each app. */
export interface RouterState {
  /** `host` is the platform's host name without a port, `address` where the daemon listens (`127.0.0.1:7070`). */
  readonly platform: { readonly host: string; readonly address: string };
  readonly apps: readonly RoutedApp[];
}

/** An app as the router sees it. `servers` may be non-empty in every mode; only `live` sends requests to them. */
export interface RoutedApp {
  /** The app's id; names its HAProxy backend. */
  readonly id: string;
  readonly name: string;
  /** Host names in lower case, without port and without a final dot. */
  readonly hosts: readonly string[];
  readonly mode: RoutedMode;
  readonly servers: readonly RoutedServer[];
}

/** How requests to an app are answered. */
export type RoutedMode =
  /** Requests go to the servers. Without a ready server they wait as in `booting`. */
  | 'live'
  /** No code was deployed: page H81. */
  | 'blank'
  /** The formation has no web dyno: page H14. */
  | 'no-web-dynos'
  /** Web dynos crash: page H10. */
  | 'crashed'
  /** Page H80; the dynos keep running. */
  | 'maintenance'
  /** Web dynos are on their way: requests wait some seconds, then page H20. */
  | 'booting'
  /** Web dynos are stopped until somebody comes: a request has them woken (Router.listenForWakes), and waits. */
  | 'asleep';

/** One web dyno behind the router. */
export interface RoutedServer {
  /** Unique for each container, for example `web.1-0123456789ab`. */
  readonly name: string;
  readonly dyno: string;
  /** IPv4 address. */
  readonly ip: string;
  readonly port: number;
  /** `draining`: gets no new request, may finish those it has. */
  readonly state: 'ready' | 'draining';
}

/** Ids that mean something else in the router's tables, and so can't be an app's. */
export const PLATFORM_KEY = 'platform';
export const ROUTER_KEY = 'router';

const APP_ID = /^[a-z0-9][a-z0-9-]{0,63}$/;
const HOST = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;
const SERVER_NAME = /^[A-Za-z0-9_-]{1,63}\.[0-9]{1,5}-[A-Za-z0-9]{1,64}$/;
const ADDRESS = /^([0-9.]+):([0-9]{1,5})$/;

/**
 * Checks each value that will reach HAProxy, and that no host or server is given twice.
 * Throws on the first violation: such a state is a bug of its maker, and nothing of it is applied.
 */
export function checkRouterState(state: RouterState): void {
  const hosts = new Set<string>();
  check(HOST, state.platform.host, 'platform host');
  hosts.add(state.platform.host);
  checkAddress(state.platform.address);
  const ids = new Set<string>([PLATFORM_KEY, ROUTER_KEY]);
  for (const app of state.apps) {
    check(APP_ID, app.id, 'app id');
    addOnce(ids, app.id, 'app id');
    for (const host of app.hosts) {
      check(HOST, host, 'host');
      addOnce(hosts, host, 'host');
    }
    checkServers(app.servers);
  }
}

/** Throws unless `value` has the form of a server name; for values that come from elsewhere than a state. */
export function checkServerName(value: string): string {
  return check(SERVER_NAME, value, 'server name');
}

/** Throws unless `value` has the form of an app id. */
export function checkAppId(value: string): string {
  return check(APP_ID, value, 'app id');
}

/** Throws unless `value` is one plain token of `pattern`; tells `what` was wrong. */
export function check(pattern: RegExp, value: string, what: string): string {
  // A final newline matches `$` in no JavaScript pattern without the m flag; test() is enough.
  if (!pattern.test(value)) throw new TypeError(`${what} ${quoteValue(value)} can't be given to HAProxy`);
  return value;
}

function checkServers(servers: readonly RoutedServer[]): void {
  const names = new Set<string>();
  for (const server of servers) {
    checkServerName(server.name);
    addOnce(names, server.name, 'server name');
    checkIp(server.ip);
    checkPort(server.port);
  }
}

function checkAddress(address: string): void {
  const [, ip, port] = ADDRESS.exec(address) ?? [];
  checkIp(ip ?? address);
  checkPort(Number(port));
}

function checkIp(ip: string): void {
  if (!isIPv4(ip)) throw new TypeError(`IP address ${quoteValue(ip)} can't be given to HAProxy`);
}

/** Throws unless `port` is a TCP port number. */
export function checkPort(port: number): number {
  if (!Number.isInteger(port) || port < 1 || port > 65535) {
    throw new TypeError(`port ${quoteValue(String(port))} can't be given to HAProxy`);
  }
  return port;
}

function addOnce(set: Set<string>, value: string, what: string): void {
  if (set.has(value)) throw new TypeError(`${what} ${quoteValue(value)} is given twice or reserved`);
  set.add(value);
}
