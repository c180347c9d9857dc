// What a router is set up with, and where its files are.

import { createHash } from 'node:crypto';
import { check, checkPort } from './router-state.js';

/** What does not change while the daemon runs. */
export interface RouterSettings {
  /** Absolute path of the folder of HAProxy's files and sockets. */
  readonly dir: string;
  /** Address and port of the one public listener. */
  readonly bindAddress: string;
  readonly httpPort: number;
  /** Connections at once, over all apps. Each costs two file descriptors. */
  readonly maxConnections: number;
  /** Threads of a worker. More than one for each two cores take the cores from the apps, and answer later for it. */
  readonly threads: number;
  /** The account that the workers run as, or undefined to stay the one they were started by. */
  readonly runAs: { readonly user: string; readonly group: string } | undefined;
}

/** Names of the files in the router's folder. */
export const HOSTS_MAP = 'hosts.map';
export const MODES_MAP = 'modes.map';
export const CONFIG_FILE = 'haproxy.cfg';
export const MASTER_SOCKET = 'master.sock';
export const ADMIN_SOCKET = 'admin.sock';
/** Where HAProxy says that a request for a sleeping app waits; the daemon listens. */
export const WAKE_SOCKET = 'wake.sock';

/** Throws when a setting has a character or a size that HAProxy's configuration must not see. */
export function checkSettings(settings: RouterSettings): void {
  check(/^\/[A-Za-z0-9/._-]{1,80}$/, settings.dir, 'router directory');
  check(/^(?:[0-9.]{7,15}|\*)$/, settings.bindAddress, 'bind address');
  checkPort(settings.httpPort);
  if (!Number.isInteger(settings.maxConnections) || settings.maxConnections < 10) {
    throw new TypeError('maxConnections must be an integer of at least 10');
  }
  if (!Number.isInteger(settings.threads) || settings.threads < 1 || settings.threads > 64) {
    throw new TypeError('threads must be an integer from 1 to 64');
  }
  if (settings.runAs === undefined) return;
  check(/^[a-z_][a-z0-9_-]{0,31}$/, settings.runAs.user, 'user');
  check(/^[a-z_][a-z0-9_-]{0,31}$/, settings.runAs.group, 'group');
}

/**
 * Where an old worker hands requests over to the newest. An abstract socket: a worker that runs as another account may
 * not reach a path in the daemon's folders.
 */
export function handoverAddress(dir: string): string {
  return `abns@paas-handover-${createHash('sha256').update(dir).digest('hex').slice(0, 16)}`;
}
