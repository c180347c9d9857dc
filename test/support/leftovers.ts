// What a deploy may leave behind when it breaks off: things of ours that nobody will need again.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LABEL } from '../../src/engine/container-spec.js';
import { listContainers, listNetworks } from './engine-view.js';
import type { Paas } from './paas.js';

/** Names of what is there and should not be, while no deploy runs. */
export async function findLeftovers(
  paas: Pick<Paas, 'dataDir' | 'instance' | 'engineSocket'>,
): Promise<string[]> {
  const containers = await listContainers(paas);
  const networks = await listNetworks(paas);
  return [
    ...containers
      .map(({ labels, state, name }) => `${labels[LABEL.role]} ${state} ${name}`)
      .filter((line) => !line.startsWith('dyno running ')),
    ...networks.filter((name) => name !== `paas-${paas.instance}`),
    ...strayFiles(paas.dataDir),
    ...strayPrograms(paas.dataDir),
  ];
}

/** Paths below the data directory, as far as they tell what is meant. */
export function strayFiles(dataDir: string): string[] {
  const temporary = list(join(dataDir, 'tmp')).filter((name) => name !== 'git-home');
  const repositories = list(join(dataDir, 'repositories'));
  const inRepositories = repositories.flatMap((repository) => [
    ...(repository.endsWith('.git') ? [] : [repository]),
    ...list(join(dataDir, 'repositories', repository, 'objects'))
      .filter((name) => name.startsWith('tmp_'))
      .map((name) => `${repository}/objects/${name}`),
    ...locksIn(join(dataDir, 'repositories', repository)),
  ]);
  // Sources (`source-…`) are kept for an hour; the file of a build goes with it.
  const uploads = list(join(dataDir, 'uploads')).filter((name) => name.startsWith('build-'));
  return [...temporary.map((name) => `tmp/${name}`), ...inRepositories, ...uploads];
}

function locksIn(repository: string): string[] {
  if (!existsSync(repository)) return [];
  return readdirSync(repository, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.lock'),
  );
}

/** Programs of git that work in one of the repositories. */
export function strayPrograms(dataDir: string): string[] {
  return list('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => readIfThere(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').trim())
    .filter((line) => line.includes(`${dataDir}/repositories/`) && /\bgit\b/.test(line));
}

function list(directory: string): string[] {
  return existsSync(directory) ? readdirSync(directory) : [];
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
