// Reads a worker's tables and sessions with the runtime API.

import { join } from 'node:path';
import type { Ask } from './runtime-api.js';
import { HOSTS_MAP, MODES_MAP } from './settings.js';
import type { WorkerServer, WorkerTables } from './worker-plan.js';

/** What the worker behind `ask` routes now. */
export async function readTables(ask: Ask, dir: string): Promise<WorkerTables> {
  const info = await ask('show info');
  const backends = new Map<string, WorkerServer[]>();
  for (const name of (await ask('show backend')).split('\n')) {
    if (name.startsWith('app-')) backends.set(name, []);
  }
  for (const [backend, server] of parseServersState(await ask('show servers state'))) {
    backends.get(backend)?.push(server);
  }
  return {
    fingerprint: /^description: paas-([0-9a-f]+)$/m.exec(info)?.[1] ?? '',
    backends,
    hosts: parseMap(await ask(`show map ${join(dir, HOSTS_MAP)}`)),
    modes: parseMap(await ask(`show map ${join(dir, MODES_MAP)}`)),
  };
}

/** How many access-log lines the worker could not write since it started. */
export async function readDroppedLogs(ask: Ask): Promise<number> {
  return Number(/^DroppedLogs: (\d+)$/m.exec(await ask('show info'))?.[1] ?? 0);
}

/**
 * Requests and tunnels that the worker has on a server now, with those that wait for it. A worker that a reload has
 * stopped tells its connections in use, but no statistics.
 */
export async function readSessions(ask: Ask, backend: string, server: string): Promise<number> {
  const sessions = parseSessions(await ask(`show stat ${backend} 4 -1`), server);
  const connections = parseUsedConnections(await ask(`show servers conn ${backend}`), `${backend}/${server}`);
  return Math.max(sessions, connections);
}

/** Reads `show servers state`: pairs of backend name and server. */
export function parseServersState(reply: string): [backend: string, server: WorkerServer][] {
  const lines = reply.split('\n').map((line) => line.trim());
  const names = (lines.find((line) => line.startsWith('# ')) ?? '').slice(2).split(' ');
  const column = (name: string) => {
    const index = names.indexOf(name);
    return (row: readonly string[]) => row[index] ?? '';
  };
  const [backend, name, ip] = [column('be_name'), column('srv_name'), column('srv_addr')];
  const [port, state] = [column('srv_port'), column('srv_admin_state')];
  return lines
    .filter((line) => /^\d+ /.test(line))
    .map((line) => line.split(' '))
    .map((row) => [
      backend(row),
      { name: name(row), ip: ip(row), port: Number(port(row)), state: adminState(Number(state(row))) },
    ]);
}

/** Reads `show map`: an address, a key and a value a line. */
export function parseMap(reply: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const line of reply.split('\n')) {
    const [, key, value] = /^0x[0-9a-f]+ (\S+) (\S+)$/.exec(line) ?? [];
    if (key !== undefined && value !== undefined) map.set(key, value);
  }
  return map;
}

/** Reads `show stat`: current plus queued sessions of `server`, 0 if it is not there. */
export function parseSessions(reply: string, server: string): number {
  const rows = reply.split('\n').map((line) => line.replace(/^# /, '').split(','));
  const names = rows.find((row) => row[0] === 'pxname') ?? [];
  const row = rows.find((each) => each[names.indexOf('svname')] === server);
  if (row === undefined) return 0;
  return Number(row[names.indexOf('scur')]) + Number(row[names.indexOf('qcur')]);
}

/** Reads `show servers conn`: connections in use (not idle ones) of the server, 0 if it is not there. */
export function parseUsedConnections(reply: string, path: string): number {
  const rows = reply.split('\n').map((line) => line.replace(/^# /, '').split(' '));
  const names = rows.find((row) => row[0] === 'bkname/svname') ?? [];
  const row = rows.find((each) => each[0] === path);
  return row === undefined ? 0 : Number(row[names.indexOf('used_cur')]);
}

/** Bits of srv_admin_state. https://docs.haproxy.org/2.6/management.html#show%20servers%20state */
function adminState(bits: number): WorkerServer['state'] {
  if ((bits & 0x23) !== 0) return 'maintenance';
  return (bits & 0x18) === 0 ? 'ready' : 'draining';
}
