// What of Docker takes disk space: where it keeps its data, writable layers, volumes, networks, its build cache.

import type Docker from 'dockerode';
import { LABEL } from './container-spec.js';
import { engineError, hasStatus } from './docker-errors.js';
import type { Engine, LabelledObject } from './engine.js';

type StorageCalls = Pick<Engine, 'info' | 'layerPath' | 'listVolumes' | 'listNetworks' | 'buildCacheBytes'>;

/** The part of the Engine that is about disk space. */
export function createStorageCalls({ docker, instance }: { docker: Docker; instance: string }): StorageCalls {
  const filters = JSON.stringify({ label: [`${LABEL.instance}=${instance}`] });
  return {
    async info() {
      const info: Info = await orThrow(docker.info(), 'its settings');
      return {
        version: info.ServerVersion,
        dataRoot: info.DockerRootDir,
        isLiveRestore: info.LiveRestoreEnabled,
        systemTimeMs: Date.parse(info.SystemTime),
        groups: {
          version: info.CgroupVersion === '2' ? 2 : 1,
          driver: info.CgroupDriver === 'systemd' ? 'systemd' : 'cgroupfs',
        },
      };
    },
    async layerPath(id) {
      const found = await docker
        .getContainer(id)
        .inspect()
        .catch((error: unknown) => {
          if (hasStatus(error, 404)) return undefined;
          throw engineError(error, `container ${id}`);
        });
      // Only overlay file systems keep what a container wrote in a directory of its own.
      const data: Readonly<Record<string, string>> | null | undefined = found?.GraphDriver?.Data;
      return data?.['UpperDir'];
    },
    async listVolumes() {
      const found = await orThrow(docker.listVolumes({ filters }), 'the volumes');
      return (found.Volumes ?? []).map((volume) => ({
        ...toObject(volume.Name, volume.Labels, (volume as { CreatedAt?: string }).CreatedAt),
        path: volume.Mountpoint,
      }));
    },
    async listNetworks() {
      const found = await orThrow(docker.listNetworks({ filters }), 'the networks');
      return found.map((network) => toObject(network.Name, network.Labels, network.Created));
    },
    async buildCacheBytes() {
      const usage: { BuildCache?: { Size: number; Shared?: boolean }[] | null } = await orThrow(
        docker.df(),
        'its disk usage',
      );
      return (usage.BuildCache ?? []).reduce((sum, entry) => sum + (entry.Shared ? 0 : entry.Size), 0);
    },
  };
}

/** The fields of `GET /info` that are used. */
interface Info {
  readonly ServerVersion: string;
  readonly DockerRootDir: string;
  readonly LiveRestoreEnabled: boolean;
  readonly CgroupVersion?: string;
  readonly CgroupDriver?: string;
  readonly SystemTime: string;
}

function toObject(
  name: string,
  labels: Readonly<Record<string, string>> | null | undefined,
  createdAt: string | undefined,
): LabelledObject {
  return { name, labels: labels ?? {}, createdAt: Date.parse(createdAt ?? '') || 0 };
}

async function orThrow<Result>(promise: Promise<Result>, subject: string): Promise<Result> {
  return await promise.catch((error: unknown) => {
    throw engineError(error, subject);
  });
}
