import { describe, expect, it } from 'vitest';
import {
  buildSpec,
  type ContainerSpec,
  dynoSpec,
  imageAssemblySpec,
  LABEL,
  oneOffSpec,
  releasePhaseSpec,
  userFor,
} from '../../../src/engine/container-spec.js';
import { toDockerOptions } from '../../../src/engine/docker-options.js';
import { parseOpenFilesLimit } from '../../../src/engine/open-files.js';

const MIB = 1024 * 1024;
const base = {
  instance: 'i1',
  app: { id: 'a1', name: 'hello' },
  suffix: '0123456789ab',
  image: 'sha256:1',
};
const released = {
  ...base,
  release: 7,
  type: 'web',
  number: 1,
  imageUser: '',
  command: ['node', 'x.js'],
  env: { PORT: '5000', A: 'b=c' },
  memoryBytes: 512 * MIB,
  pidsLimit: 256,
  network: { name: 'paas-i1', ip: '10.213.0.9' },
};

const specs: Record<ContainerSpec['role'], ContainerSpec> = {
  dyno: dynoSpec({ ...released, restarts: 17 }),
  'release-phase': releasePhaseSpec({ ...released, type: 'release', number: 1234 }),
  'one-off': oneOffSpec({
    ...released,
    type: 'run',
    number: 4321,
    tty: true,
    openStdin: true,
    attached: true,
  }),
  build: buildSpec({
    ...base,
    buildId: 'b1',
    command: ['/usr/local/bin/paas-build'],
    env: { STACK: 'paas-13' },
    memoryBytes: 2048 * MIB,
    mounts: [
      { kind: 'volume', source: 'cache', target: '/cache', readOnly: false },
      { kind: 'bind', source: '/srv/buildpacks', target: '/buildpacks', readOnly: true },
      { kind: 'tmpfs', target: '/env', sizeBytes: MIB, holds: 'secrets' },
    ],
    network: 'paas-i1-build',
  }),
  'image-assembly': imageAssemblySpec({ ...base, buildId: 'b1' }),
};

describe.each(Object.entries(specs))('a %s container', (role, spec) => {
  const options = toDockerOptions(spec, { maxOpenFiles: 1_048_576 });

  it('looks as agreed', () => {
    expect(options).toMatchSnapshot();
  });

  it('is confined by the one policy', () => {
    expect(options.User).toBe('20000:20000');
    expect(options.HostConfig).toMatchObject({
      Privileged: false,
      CapDrop: ['ALL'],
      SecurityOpt: ['no-new-privileges'],
      Init: true,
      MemorySwap: options.HostConfig?.Memory,
      RestartPolicy: { Name: 'no' },
      LogConfig: { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '2' } },
      IpcMode: 'private',
    });
    for (const loosening of [
      'CapAdd',
      'Devices',
      'Binds',
      'PortBindings',
      'UsernsMode',
      'VolumesFrom',
      'Sysctls',
    ]) {
      expect(options.HostConfig).not.toHaveProperty(loosening);
    }
    expect(options.HostConfig?.PidsLimit).toBe(role === 'build' ? 1024 : 256);
  });

  it('carries every label of ours, so that an image cannot add one', () => {
    expect(Object.keys(options.Labels ?? {}).sort()).toEqual(Object.values(LABEL).sort());
  });
});

it('asks for no more open files than the engine has', () => {
  const options = toDockerOptions(specs.dyno, { maxOpenFiles: 4096 });
  expect(options.HostConfig?.Ulimits?.[0]).toEqual({ Name: 'nofile', Soft: 4096, Hard: 4096 });
});

it.each([
  ['', '20000:20000'],
  ['root', '20000:20000'],
  ['root:root', '20000:20000'],
  ['0', '20000:20000'],
  ['00:5', '20000:20000'],
  ['node', undefined],
  ['1000:1000', undefined],
])('runs an image of user %j as %j', (imageUser, user) => {
  expect(userFor(imageUser)).toBe(user);
});

it.each([
  ['Max open files            1024                 20000                files     \n', 20000],
  [
    'Max open files            1024                 unlimited            files     \n',
    Number.MAX_SAFE_INTEGER,
  ],
  ['Max processes 5 5', undefined],
])('reads the limit of open files in %j', (text, limit) => {
  expect(parseOpenFilesLimit(text)).toBe(limit);
});
