// Compares what a worker of HAProxy routes with what it should, and says the commands that make it so (pure).
// The order is what keeps requests safe: new servers first, then hosts and modes, last what goes away.

import { join } from 'node:path';
import { SERVER_OPTIONS, type WantedServer } from './backends.js';
import type { RenderedRouter } from './config.js';
import { HOSTS_MAP, MODES_MAP } from './settings.js';

/** A server as HAProxy tells it. */
export interface WorkerServer {
  readonly name: string;
  readonly ip: string;
  readonly port: number;
  readonly state: 'ready' | 'draining' | 'maintenance';
}

/** The tables of one worker. */
export interface WorkerTables {
  readonly fingerprint: string;
  /** App backends with their servers. */
  readonly backends: ReadonlyMap<string, readonly WorkerServer[]>;
  readonly hosts: ReadonlyMap<string, string>;
  readonly modes: ReadonlyMap<string, string>;
}

/** What to ask a worker for, in this order. */
export interface WorkerPlan {
  /** Commands after which the worker routes as it should. */
  readonly changes: readonly string[];
  /** Commands that delete servers which get no requests any more; HAProxy refuses while a connection is left. */
  readonly deletions: readonly string[];
}

type Wanted = Pick<RenderedRouter, 'backends' | 'hosts' | 'modes'>;

/** The commands that bring `worker` to `wanted`. Backends that the worker does not have are left out. */
export function planWorker(worker: WorkerTables, wanted: Wanted, dir: string): WorkerPlan {
  const additions: string[] = [];
  const drains: string[] = [];
  const removals: string[] = [];
  const deletions: string[] = [];
  for (const [backend, servers] of worker.backends) {
    const wantedServers = wanted.backends.get(backend) ?? [];
    const byName = new Map(servers.map((server) => [server.name, server]));
    for (const server of wantedServers) {
      const path = `${backend}/${server.name}`;
      if (server.state === 'ready') additions.push(...makeReady(path, server, byName.get(server.name)));
      else drains.push(...makeDraining(path, byName.get(server.name)));
    }
    const kept = new Set(wantedServers.map((server) => server.name));
    for (const server of servers.filter((each) => !kept.has(each.name))) {
      const path = `${backend}/${server.name}`;
      if (server.state !== 'maintenance') removals.push(`set server ${path} state maint`);
      deletions.push(`shutdown sessions server ${path}`, `del server ${path}`);
    }
  }
  const hosts = planMap(join(dir, HOSTS_MAP), worker.hosts, wanted.hosts);
  const modes = planMap(join(dir, MODES_MAP), worker.modes, wanted.modes);
  return {
    changes: [
      ...additions,
      ...modes.sets,
      ...hosts.sets,
      ...hosts.removals,
      ...drains,
      ...removals,
      ...modes.removals,
    ],
    deletions,
  };
}

/** Whether only a reload can bring `worker` to `wanted`: another fixed part, or a backend that it does not have. */
export function needsReload(worker: WorkerTables, wanted: RenderedRouter): boolean {
  if (worker.fingerprint !== wanted.fingerprint) return true;
  return [...wanted.backends.keys()].some((backend) => !worker.backends.has(backend));
}

function makeReady(path: string, server: WantedServer, present: WorkerServer | undefined): string[] {
  if (present === undefined) {
    // A server is born in maintenance: it gets requests from the second command on.
    return [
      `add server ${path} ${server.ip}:${server.port} ${SERVER_OPTIONS}`,
      `set server ${path} state ready`,
    ];
  }
  const moved = present.ip !== server.ip || present.port !== server.port;
  return [
    ...(moved ? [`set server ${path} addr ${server.ip} port ${server.port}`] : []),
    ...(present.state === 'ready' ? [] : [`set server ${path} state ready`]),
  ];
}

function makeDraining(path: string, present: WorkerServer | undefined): string[] {
  return present?.state === 'ready' ? [`set server ${path} state drain`] : [];
}

function planMap(
  path: string,
  present: ReadonlyMap<string, string>,
  wanted: ReadonlyMap<string, string>,
): { sets: string[]; removals: string[] } {
  const sets: string[] = [];
  for (const [key, value] of wanted) {
    const old = present.get(key);
    if (old === undefined) sets.push(`add map ${path} ${key} ${value}`);
    else if (old !== value) sets.push(`set map ${path} ${key} ${value}`);
  }
  const removals = [...present.keys()]
    .filter((key) => !wanted.has(key))
    .map((key) => `del map ${path} ${key}`);
  return { sets, removals };
}
