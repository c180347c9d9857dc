// The container profile as the engine reports it: what `docker inspect` says of each kind of container, reduced to what
// the policy is about, equals test/integration/profile.golden. A change of the policy is a change of that file.

import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { runBuildpacks } from '../../src/build/buildpacks.js';
import { loadConfig } from '../../src/daemon/config.js';
import { LABEL } from '../../src/engine/container-spec.js';
import type { App } from '../../src/platform/apps.js';
import { changeConfig } from '../../src/platform/config-vars.js';
import { eventually, type House, openHouse } from '../support/house.js';

let house: House;
let app: App;

beforeAll(async () => {
  house = await openHouse();
  app = house.createApp('profile');
  changeConfig(house.db, { app, by: house.account, updates: { HOSTILE: '--privileged' } });
  const release = await house.deploy(app, { web: 'exec python3 -m http.server $PORT', release: 'sleep 3' });
  profiles['release-phase'] = profile(
    await eventually('the release phase runs', () => inspectRole('release-phase')),
  );
  expect(await house.settle(release)).toBe('live');
});

afterAll(async () => await house[Symbol.asyncDispose]());

const profiles: Record<string, unknown> = {};

it('is as agreed for each kind of container, whatever users say', async () => {
  profiles['dyno'] = profile(await inspectRole('dyno'));

  const oneOff = await house.dynos.oneOffs.create({
    app,
    command: ['sleep', '60', '--privileged', '--volume=/:/host'],
    env: { DOCKER_HOST: 'unix:///var/run/docker.sock' },
    tty: false,
    attach: false,
  });
  await oneOff.start();
  profiles['one-off'] = profile(await inspectRole('one-off'));
  await house.dynos.oneOffs.kill(app, oneOff.dyno.name);

  profiles['build'] = profile(await inspectBuild());

  await expect(`${JSON.stringify(profiles, undefined, 2)}\n`).toMatchFileSnapshot(
    join(import.meta.dirname, 'profile.golden'),
  );
});

/** The container of a real build with the settings of a server that has none of its own, while it runs. */
async function inspectBuild(): Promise<Inspected | undefined> {
  const config = loadConfig({});
  const directory = mkdtempSync(join(tmpdir(), 'paas-profile-'));
  writeFileSync(join(directory, 'index.html'), 'hello\n');
  let inspected: Inspected | undefined;
  const build = runBuildpacks({
    engine: {
      ...house.engine,
      async startContainer(id) {
        await house.engine.startContainer(id);
        inspected = await inspectRole('build');
      },
    },
    settings: {
      instance: house.instance,
      stackBuildImage: config.stackBuildImage,
      buildpacksDirectory: config.buildpacksDir,
      caBundle: undefined,
      memoryBytes: config.buildMemoryBytes,
      network: `paas-${house.instance}`,
    },
    app: { ...app, buildpacks: ['static'] },
    buildId: 'b1',
    suffix: randomBytes(6).toString('hex'),
    directory,
    config: { HOSTILE: '--privileged', DOCKER_HOST: 'unix:///var/run/docker.sock' },
    sourceVersion: 'c0ffee',
    signal: AbortSignal.timeout(100_000),
  });
  try {
    let step = await build.next();
    while (!step.done) step = await build.next();
    await house.engine.removeContainer(step.value.containerId);
    return inspected;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

interface Limit {
  readonly Name: string;
  readonly Soft: number;
  readonly Hard: number;
}

interface Inspected {
  readonly Config: Record<string, unknown> & { Env: string[]; Labels: Record<string, string> };
  readonly HostConfig: Record<string, unknown> & { Ulimits: Limit[] };
  readonly NetworkSettings: { Networks: Record<string, unknown>; Ports: unknown };
  readonly Mounts: { Type: string; Destination: string; RW: boolean }[];
}

async function inspectRole(role: string): Promise<Inspected | undefined> {
  const found = (await house.engine.listContainers()).find(({ labels }) => labels[LABEL.role] === role);
  if (found === undefined) return undefined;
  const text = execFileSync('docker', ['inspect', found.id], { encoding: 'utf8' });
  return JSON.parse(text)[0];
}

// Facts of this run, of the image or of the engine, not of the policy.
const NOT_POLICY =
  /^(MaskedPaths|ReadonlyPaths|Runtime|ContainerIDFile|ConsoleSize|Hostname|Image|Cmd|Entrypoint|Domainname|WorkingDir|OnBuild)$/;

/** What the policy decides: every field of the host's side that is not empty, and who the process is. */
function profile(inspected: Inspected | undefined): unknown {
  if (inspected === undefined) throw new Error('no such container');
  const { Config, HostConfig, NetworkSettings, Mounts } = inspected;
  const clean = (value: unknown) =>
    JSON.parse(JSON.stringify(value).replaceAll(house.instance, 'INSTANCE').replaceAll(app.id, 'APP'));
  const withoutEmpty = (fields: Record<string, unknown>) =>
    Object.fromEntries(
      Object.entries(fields).filter(
        ([name, value]) =>
          !NOT_POLICY.test(name) &&
          !['', '0', 'null', '[]', '{}', 'false', '""'].includes(JSON.stringify(value)),
      ),
    );
  const { Env, Labels, ...config } = Config;
  return clean({
    config: withoutEmpty(config),
    environment: Env.map((pair) => pair.split('=')[0]).sort(),
    labels: Object.keys(Labels)
      .filter((name) => name.startsWith('paas.') && Labels[name] !== '')
      .sort(),
    host: withoutEmpty({ ...HostConfig, Mounts: undefined, Ulimits: HostConfig.Ulimits.map(limitText) }),
    mounts: Mounts.map(({ Type, Destination, RW }) => `${Type} ${Destination} ${RW ? 'rw' : 'ro'}`).sort(),
    networks: Object.keys(NetworkSettings.Networks),
    ports: withoutEmpty((NetworkSettings.Ports ?? {}) as Record<string, unknown>),
  });
}

/** How many files the engine itself may open bounds what it can give. */
function limitText({ Name, Soft, Hard }: Limit): string {
  const isBounded = Name === 'nofile' && Soft <= 16_384 && Hard <= 65_536 && Soft >= 1024;
  return isBounded ? 'nofile 16384:65536 or what the engine has' : `${Name} ${Soft}:${Hard}`;
}
