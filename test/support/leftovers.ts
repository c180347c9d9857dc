// What a deploy may leave behind when it breaks off: things of ours that nobody will need again.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Paas } from './paas.js';

/** Names of what is there and should not be, while no deploy runs. */
export async function findLeftovers(paas: Pick<Paas, 'dataDir' | 'instance' | 'docker'>): Promise<string[]> {
  return [
    ...(await strayContainers(paas)),
    ...(await strayNetworks(paas)),
    ...strayFiles(paas.dataDir),
    ...strayPrograms(paas.dataDir),
  ];
}

async function strayContainers(paas: Pick<Paas, 'instance' | 'docker'>): Promise<string[]> {
  const format = '{{.Label "paas.role"}} {{.State}} {{.Names}}';
  const filter = `label=paas.instance=${paas.instance}`;
  const lines = (await paas.docker(['ps', '-a', '--filter', filter, '--format', format])).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith('dyno running '));
}

async function strayNetworks(paas: Pick<Paas, 'instance' | 'docker'>): Promise<string[]> {
  const filter = `label=paas.instance=${paas.instance}`;
  const names = (await paas.docker(['network', 'ls', '--filter', filter, '--format', '{{.Name}}'])).split(
    '\n',
  );
  return names.filter((name) => name !== '' && name !== `paas-${paas.instance}`);
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
