// What the Docker API says of containers, in the engine's words. Pure.

import { isIP } from 'node:net';
import type Docker from 'dockerode';
import type { Container, ContainerDetails, ContainerEvent, EngineLogLine } from './engine.js';

/** A container as a list shows it. */
export function toContainer(row: Docker.ContainerInfo): Container {
  return {
    id: row.Id,
    name: nameOf(row),
    labels: withoutBlank(row.Labels),
    state: toState(row.State),
    ip: addressOf(row.NetworkSettings?.Networks),
    command: row.Command,
    imageId: row.ImageID,
    createdAt: row.Created * 1000,
  };
}

/**
 * Reads the rows of a list as `toContainer`, and gives the same object as the time before for a container that is as it
 * was: what the loop keeps until the next list would be garbage each time otherwise.
 */
export function createRowReader(): (rows: readonly Docker.ContainerInfo[]) => Container[] {
  let known = new Map<string, Container>();
  return (rows) => {
    const containers = rows.map((row) => {
      const before = known.get(row.Id);
      // The rest of it is set for good when it is made.
      const isSame =
        before !== undefined &&
        before.state === toState(row.State) &&
        before.ip === addressOf(row.NetworkSettings?.Networks) &&
        before.name === nameOf(row);
      return isSame ? before : toContainer(row);
    });
    known = new Map(containers.map((container) => [container.id, container]));
    return containers;
  };
}

/** A container as an inspection shows it. */
export function toDetails(found: Docker.ContainerInspectInfo): ContainerDetails {
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ''),
    labels: withoutBlank(found.Config.Labels),
    state: toState(found.State.Status),
    ip: addressOf(found.NetworkSettings.Networks),
    command: [found.Path, ...found.Args].join(' '),
    imageId: found.Image,
    createdAt: Date.parse(found.Created),
    pid: found.State.Pid,
    exitCode: found.State.ExitCode,
    oomKilled: found.State.OOMKilled,
    startedAt: toTime(found.State.StartedAt),
    finishedAt: toTime(found.State.FinishedAt),
  };
}

function nameOf(row: Docker.ContainerInfo): string {
  return (row.Names[0] ?? '').replace(/^\//, '');
}

const STATES = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'] as const;

function toState(text: string): Container['state'] {
  return STATES.find((state) => state === text) ?? 'dead';
}

/** Docker writes year 1 for "not yet". */
function toTime(text: string): number | undefined {
  const time = Date.parse(text);
  return time > 0 ? time : undefined;
}

type Networks = Record<string, { IPAddress?: string; IPAMConfig?: { IPv4Address?: string } | null }>;

function addressOf(networks: Networks | undefined): string | undefined {
  for (const network of Object.values(networks ?? {})) {
    // A container that has not started shows its fixed address in the configuration only.
    const ip = network.IPAddress || network.IPAMConfig?.IPv4Address || '';
    if (isIP(ip) !== 0) return ip;
  }
  return undefined;
}

function withoutBlank(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => value !== ''));
}

/** A line of a log read with its times. */
export function toLogLine(stream: EngineLogLine['stream'], line: string): EngineLogLine {
  const space = line.indexOf(' ');
  return { stream, timestamp: line.slice(0, space), text: line.slice(space + 1).replace(/\r$/, '') };
}

/** Undefined for an event that nobody waits for. */
export function toEvent(event: Record<string, unknown>): ContainerEvent | undefined {
  const kind = (['start', 'die', 'oom', 'destroy', 'pause'] as const).find(
    (name) => name === event['Action'],
  );
  const actor = event['Actor'];
  if (kind === undefined || typeof actor !== 'object' || actor === null) return undefined;
  // The shape that the API documents for container events.
  const { ID, Attributes } = actor as { ID: string; Attributes: Record<string, string> };
  return {
    kind,
    containerId: ID,
    labels: withoutBlank(Attributes),
    exitCode: kind === 'die' ? Number(Attributes['exitCode'] ?? -1) : undefined,
  };
}
