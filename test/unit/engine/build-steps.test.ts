import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findSteps, markerHost, readStep } from '../../../src/engine/build-steps.js';

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'paas-steps-'));
});
afterEach(() => rmSync(root, { recursive: true }));

it.each<[string, string, string, 1 | 2]>([
  ['version 1, own driver', 'memory/docker/buildkit/abc', '/docker/buildkit/abc', 1],
  ['version 2, own driver', 'docker/buildkit/abc', '/docker/buildkit/abc', 2],
  ['version 2, systemd', 'system.slice/system.slice:docker:abc', '/system.slice/system.slice:docker:abc', 2],
  ['version 2, systemd, at the root', 'system.slice:docker:abc', '/system.slice:docker:abc', 2],
])('finds a step of %s', (_where, folder, path, version) => {
  mkdirSync(join(root, folder), { recursive: true });
  mkdirSync(join(root, 'system.slice/docker-abc.scope'), { recursive: true });
  expect(findSteps(root)).toEqual([{ id: 'abc', version, path }]);
});

describe('whose a step is', () => {
  function bundle(config: object): void {
    mkdirSync(join(root, 'buildkit/executor/abc'), { recursive: true });
    writeFileSync(join(root, 'buildkit/executor/abc/config.json'), JSON.stringify(config));
  }
  const read = () => readStep({ dataRoot: root, id: 'abc', instance: 'i1' });
  const process = { args: ['/bin/sh', '-c', 'make'], env: ['A=b'] };

  it.each([
    ['ours', markerHost('i1'), true],
    ['of another install', markerHost('i12'), false],
    ['with hosts of its own', 'db.local', false],
  ])('%s by its hosts', (_whose, host, isOurs) => {
    const source = join(root, 'hosts');
    writeFileSync(source, `127.0.0.1\tlocalhost\n127.0.0.1\t${host}\n`);
    bundle({ process, mounts: [{ destination: '/etc/hosts', source }] });
    expect(read()).toEqual({ isOurs, command: '/bin/sh -c make' });
  });

  it('by the options of a frontend', () => {
    bundle({ process: { ...process, env: ['BUILDKIT_FRONTEND_OPT_3=label:paas.instance=i1'] }, mounts: [] });
    expect(read()?.isOurs).toBe(true);
    bundle({ process: { ...process, env: ['BUILDKIT_FRONTEND_OPT_3=label:paas.instance=i12'] } });
    expect(read()?.isOurs).toBe(false);
  });

  it('is not known without the bundle', () => {
    expect(read()).toBeUndefined();
    mkdirSync(join(root, 'buildkit/executor/abc'), { recursive: true });
    expect(read()).toBeUndefined();
  });

  it('is not ours when it is a step of another engine', () => {
    mkdirSync(join(root, 'buildkit/executor/def'), { recursive: true });
    expect(read()).toEqual({ isOurs: false, command: '' });
  });
});
