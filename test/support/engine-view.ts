// What the engine has of an install, asked over its socket: tests look again and again, and a start of the docker command
// costs more than the answer.

import Docker from 'dockerode';
import { LABEL } from '../../src/engine/container-spec.js';
import type { Paas } from './paas.js';

export type Labels = Readonly<Record<string, string>>;

export interface ListedContainer {
  readonly id: string;
  readonly name: string;
  /** As `docker ps` tells it: `running`, `paused`, `exited`. */
  readonly state: string;
  readonly labels: Labels;
  /** In its first network; undefined or empty while it does not run. */
  readonly ip: string | undefined;
}

export interface ListedObject {
  readonly kind: 'volume' | 'image';
  readonly name: string;
  readonly labels: Labels;
}

type Install = Pick<Paas, 'instance' | 'engineSocket'>;

/** All containers of the install, those that have ended too. */
export async function listContainers({ instance, engineSocket }: Install): Promise<ListedContainer[]> {
  const found = await new Docker({ socketPath: engineSocket }).listContainers({
    all: true,
    filters: labelled(instance),
  });
  return found.map(({ Id, Names, State, Labels, NetworkSettings }) => ({
    id: Id,
    name: (Names[0] ?? '').replace(/^\//, ''),
    state: State,
    labels: Labels,
    ip: Object.values(NetworkSettings?.Networks ?? {})[0]?.IPAddress,
  }));
}

/** Process id of a container, 0 when it does not run; undefined when it is not there any more. */
export async function findPid({ engineSocket }: Install, id: string): Promise<number | undefined> {
  try {
    return (await new Docker({ socketPath: engineSocket }).getContainer(id).inspect()).State.Pid;
  } catch (error) {
    if ((error as { statusCode?: unknown }).statusCode === 404) return undefined;
    throw error;
  }
}

/** Names of the install's networks. */
export async function listNetworks({ instance, engineSocket }: Install): Promise<string[]> {
  const found = await new Docker({ socketPath: engineSocket }).listNetworks({ filters: labelled(instance) });
  return found.map(({ Name }) => Name);
}

/** The install's volumes and images. */
export async function listObjects({ instance, engineSocket }: Install): Promise<ListedObject[]> {
  const docker = new Docker({ socketPath: engineSocket });
  const filters = labelled(instance);
  const [{ Volumes }, images] = await Promise.all([
    docker.listVolumes({ filters }),
    docker.listImages({ filters }),
  ]);
  return [
    ...Volumes.map(({ Name, Labels }) => ({ kind: 'volume' as const, name: Name, labels: Labels ?? {} })),
    ...images.map(({ Id, Labels }) => ({ kind: 'image' as const, name: Id, labels: Labels ?? {} })),
  ];
}

function labelled(instance: string): { label: string[] } {
  return { label: [`${LABEL.instance}=${instance}`] };
}
