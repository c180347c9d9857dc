// A container spec in the words of the Docker API: the hardening that no caller can leave out is written here. Pure.

import type Docker from 'dockerode';
import type { ContainerSpec, Mount } from './container-spec.js';

/**
 * The body of `POST /containers/create` for a spec. `maxOpenFiles` is what the engine can give (open-files.ts);
 * `yieldingGroup` is where containers go that yield to others (build-cpu.ts), undefined when there is no such place.
 */
export function toDockerOptions(
  spec: ContainerSpec,
  { maxOpenFiles, yieldingGroup }: { maxOpenFiles: number; yieldingGroup?: string | undefined },
): Docker.ContainerCreateOptions {
  return {
    name: spec.name,
    Image: spec.image,
    ...(spec.command !== undefined && { Cmd: [...spec.command] }),
    ...(spec.entrypoint !== undefined && { Entrypoint: [...spec.entrypoint] }),
    ...(spec.user !== undefined && { User: spec.user }),
    ...(spec.workingDir !== undefined && { WorkingDir: spec.workingDir }),
    Env: Object.entries(spec.env).map(([key, value]) => `${key}=${value}`),
    Labels: { ...spec.labels },
    Tty: spec.tty,
    OpenStdin: spec.openStdin,
    StdinOnce: spec.openStdin,
    AttachStdin: spec.openStdin,
    AttachStdout: true,
    AttachStderr: true,
    StopSignal: 'SIGTERM',
    StopTimeout: spec.stopGraceSeconds,
    // An image's own health check would run beside ours, with the app's memory.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      ...hostConfig(spec, maxOpenFiles),
      ...(spec.yields && yieldingGroup !== undefined && { CgroupParent: yieldingGroup }),
    },
    ...networking(spec.network),
  };
}

function hostConfig(
  spec: ContainerSpec,
  maxOpenFiles: number,
): Docker.HostConfig & { CgroupnsMode: 'private' } {
  return {
    AutoRemove: false,
    Privileged: false,
    PublishAllPorts: false,
    ReadonlyRootfs: false,
    CapDrop: ['ALL'],
    SecurityOpt: ['no-new-privileges'],
    Init: true,
    PidsLimit: spec.pidsLimit,
    Memory: spec.memoryBytes,
    // Equal to Memory: no swap on top.
    MemorySwap: spec.memoryBytes,
    CpuShares: spec.cpuShares,
    ...(spec.cpus !== undefined && { NanoCpus: Math.round(spec.cpus * 1e9) }),
    OomScoreAdj: spec.oomScoreAdj,
    ShmSize: 64 * 1024 * 1024,
    Ulimits: [
      { Name: 'nofile', Soft: Math.min(16384, maxOpenFiles), Hard: Math.min(65536, maxOpenFiles) },
      { Name: 'core', Soft: 0, Hard: 0 },
    ],
    RestartPolicy: { Name: 'no' },
    LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
    IpcMode: 'private',
    PidMode: '',
    UTSMode: '',
    // The default with version 1 of control groups is the host's.
    CgroupnsMode: 'private',
    NetworkMode: spec.network?.name ?? 'none',
    Mounts: spec.mounts.flatMap(toMount),
    Tmpfs: Object.fromEntries(spec.mounts.flatMap(toTmpfs)),
  };
}

function toMount(mount: Mount): Docker.MountSettings[] {
  if (mount.kind === 'tmpfs') return [];
  return [{ Type: mount.kind, Source: mount.source, Target: mount.target, ReadOnly: mount.readOnly }];
}

// Not the `tmpfs` kind of Mounts: that one cannot be given an owner.
function toTmpfs(mount: Mount): [string, string][] {
  if (mount.kind !== 'tmpfs') return [];
  const access = mount.holds === 'secrets' ? 'noexec,mode=0700,uid=20000,gid=20000' : 'exec,mode=1777';
  return [[mount.target, `rw,nosuid,nodev,${access},size=${mount.sizeBytes}`]];
}

function networking(
  network: ContainerSpec['network'],
): Pick<Docker.ContainerCreateOptions, 'NetworkingConfig'> {
  if (network === undefined) return {};
  const fixed = network.ip === undefined ? {} : { IPAMConfig: { IPv4Address: network.ip } };
  return { NetworkingConfig: { EndpointsConfig: { [network.name]: fixed } } };
}
