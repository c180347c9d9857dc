// Steps of Dockerfile builds on this host: where BuildKit runs them, and whose they are. The build API takes no control
// group, no label and no name for them, but host names for /etc/hosts: ours carry one that says which install they are of.
// BuildKit writes what it runs below the engine's data root, where a step cannot change it.
// docs/decisions/0105-whose-a-build-step-is.md

import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readText, subfolders } from './control-groups.js';

/** A step that runs, or is about to. */
export interface BuildStep {
  /** BuildKit's name for it. */
  readonly id: string;
  /** Version of the control groups that it was found in. */
  readonly version: 1 | 2;
  /** Its group, below the root of each hierarchy: `/docker/buildkit/abc`. */
  readonly path: string;
}

// Where engines with a driver of their own put BuildKit's groups; with systemd's driver each step is a folder named
// `system.slice:docker:ID`, since BuildKit does not speak with systemd (https://github.com/moby/moby/issues/45796).
const PARENTS = ['/docker/buildkit', '/system.slice/buildkit'];
const UNDER_SYSTEMD = ['', '/system.slice'];

/** All steps of the engine, whoever builds. `root` is where control groups are mounted. */
export function findSteps(root: string): BuildStep[] {
  return ([1, 2] as const).flatMap((version) => {
    const top = join(root, version === 1 ? 'memory' : '');
    return [
      ...PARENTS.flatMap((parent) =>
        subfolders(top + parent).map((id) => ({ id, version, path: `${parent}/${id}` })),
      ),
      ...UNDER_SYSTEMD.flatMap((parent) =>
        subfolders(top + parent).flatMap((name) => {
          const id = /^system\.slice:docker:([a-z0-9]+)$/.exec(name)?.[1];
          return id === undefined ? [] : [{ id, version, path: `${parent}/${name}` }];
        }),
      ),
    ];
  });
}

/** The host name in /etc/hosts of this install's steps; the same for all, since it is part of BuildKit's cache keys. */
export function markerHost(instance: string): string {
  return `paas-build.${instance}.invalid`;
}

/**
 * What a step runs, and whether a build of this install asked for it; undefined when that cannot be read. A step that
 * BuildKit does not know here is one of another engine on this host.
 */
export function readStep(options: {
  dataRoot: string;
  id: string;
  instance: string;
}): { readonly isOurs: boolean; readonly command: string } | undefined {
  const { dataRoot, id, instance } = options;
  const executor = join(dataRoot, 'buildkit/executor');
  const bundle = readJson(join(executor, id, 'config.json'));
  if (bundle === undefined) {
    const isElsewhere = isFolder(executor) && !isFolder(join(executor, id));
    return isElsewhere ? { isOurs: false, command: '' } : undefined;
  }
  const { process, mounts } = bundle;
  const hosts = mounts?.find(({ destination }) => destination === '/etc/hosts')?.source;
  const names = hosts === undefined ? [] : readText(hosts).split(/\s+/);
  // The image of a `# syntax=` line has the build's options in its environment instead.
  const label = `=label:paas.instance=${instance}`;
  return {
    isOurs:
      names.includes(markerHost(instance)) ||
      (process?.env ?? []).some((line) => line.startsWith('BUILDKIT_FRONTEND_OPT_') && line.endsWith(label)),
    command: (process?.args ?? []).join(' '),
  };
}

/** The parts of an OCI runtime bundle's config.json that are read. */
interface Bundle {
  readonly process?: { readonly args?: readonly string[]; readonly env?: readonly string[] };
  readonly mounts?: readonly { readonly destination: string; readonly source?: string }[];
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function readJson(path: string): Bundle | undefined {
  try {
    // Written by BuildKit: the runtime specification is its form.
    return JSON.parse(readFileSync(path, 'utf8')) as Bundle;
  } catch {
    return undefined;
  }
}
