// Names of installs that tests make. A name tells who owns the engine's objects that carry it, so that those of a test that
// was killed can be taken away, by whoever comes first, and those of a test that lives are left alone.

import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { isAlive } from './processes.js';

const NAME = /^test-[0-9a-f]{10}-([0-9a-z]+)-(\d+)(?:-|$)/;

/** `test-<ten random digits>-<pid namespace>-<process id>`: the beginning alone tells installs apart (names of firewall chains). */
export function newInstance(): string {
  return `test-${randomBytes(5).toString('hex')}-${pidNamespace()}-${process.pid}`;
}

/** Whether the process that made up the name is no more. Of another container's processes nobody here can tell. */
export function isAbandoned(instance: string): boolean {
  const [, namespace, pid] = NAME.exec(instance) ?? [];
  return namespace === pidNamespace() && !isAlive(Number(pid));
}

/** Takes away what dead tests left on the engine. */
export function removeAbandonedObjects(): void {
  for (const instance of instancesOnEngine()) if (isAbandoned(instance)) removeObjectsOf(instance);
}

/** Containers, networks, volumes and images of an install of tests; nothing of others. */
export function removeObjectsOf(instance: string): void {
  if (!instance.startsWith('test-')) return;
  const filter = ['--filter', `label=paas.instance=${instance}`];
  removeAll(['ps', '-aq', ...filter], ['rm', '--force', '--volumes']);
  removeAll(['network', 'ls', '-q', ...filter], ['network', 'rm']);
  removeAll(['volume', 'ls', '-q', ...filter], ['volume', 'rm', '--force']);
  removeAll(['image', 'ls', '-q', ...filter], ['image', 'rm', '--force']);
  // Images that were deployed as they are carry our tag and no label. The tag goes, theirs stay.
  const tag = `reference=paas-${instance}/*`;
  const tags = ['image', 'ls', '--format', '{{.Repository}}:{{.Tag}}', '--filter', tag];
  removeAll(tags, ['image', 'rm', '--force']);
}

/** An image goes only after those that were made from it: as long as some go, it tries the rest again. */
function removeAll(list: readonly string[], remove: readonly string[]): void {
  for (let before = Number.POSITIVE_INFINITY; ; ) {
    const found = listed(list);
    if (found.length === 0 || found.length >= before) return;
    before = found.length;
    spawnSync('docker', [...remove, ...found]);
  }
}

function instancesOnEngine(): string[] {
  const labelled = ['--filter', 'label=paas.instance', '--format', '{{.Label "paas.instance"}}'];
  const images = listed(['image', 'ls', '-q', '--filter', 'label=paas.instance']);
  const ofImages = ['image', 'inspect', '--format', '{{index .Config.Labels "paas.instance"}}', ...images];
  const repositories = listed(['image', 'ls', '--format', '{{.Repository}}']);
  const found = [
    ...listed(['ps', '-a', ...labelled]),
    ...listed(['network', 'ls', ...labelled]),
    ...listed(['volume', 'ls', ...labelled]),
    ...(images.length > 0 ? listed(ofImages) : []),
    ...repositories.map((name) => /^paas-(test-[^/]+)\//.exec(name)?.[1] ?? ''),
  ];
  return [...new Set(found)].filter((instance) => instance.startsWith('test-'));
}

/** The lines that a docker command prints, each once; none when it fails. */
function listed(args: readonly string[]): string[] {
  const { stdout } = spawnSync('docker', args, { encoding: 'utf8' });
  return [...new Set((stdout ?? '').split('\n').filter(Boolean))];
}

function pidNamespace(): string {
  return Number(/\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0]).toString(36);
}
