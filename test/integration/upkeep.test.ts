// Sweeps and watchdogs on the real engine: what is ours and useless goes, what is a stranger's stays.

import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { pino } from 'pino';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/engine/container-spec.js';
import { scale } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { listReleases } from '../../src/platform/releases.js';
import { createDiskSpace } from '../../src/upkeep/disk-space.js';
import { createLayerWatch, type LayerNotice } from '../../src/upkeep/layer-watch.js';
import { type SweepDeps, sweep } from '../../src/upkeep/sweep.js';
import { runUpkeep, TIMING } from '../../src/upkeep/upkeep.js';
import { eventually, type House, openHouse, RUN_IMAGE } from '../support/house.js';
import { newInstance } from '../support/test-instance.js';

const run = promisify(execFile);
const docker = async (...args: string[]) => (await run('docker', args)).stdout.trim();
const log = pino({ level: 'silent' });
const HOUR = 3600_000;
const { signal } = new AbortController();

let house: House;
let folder: string;

beforeAll(async () => {
  house = await openHouse();
  folder = mkdtempSync(join(tmpdir(), 'paas-upkeep-'));
});

afterAll(async () => {
  await house[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true, force: true });
});

function sweepDeps(options: { hoursLater?: number; keptReleases?: number } = {}): SweepDeps {
  const now = () => Date.now() + (options.hoursLater ?? 0) * HOUR;
  return {
    db: { ...house.db, now },
    engine: house.engine,
    log,
    isBuilding: () => false,
    say: () => undefined,
    folders: { builds: folder, uploads: folder, temporary: folder, repositories: folder },
    settings: {
      instance: house.instance,
      keptReleases: options.keptReleases ?? 10,
      keptBuilds: 50,
      cacheMaxBytes: 1024 ** 2,
    },
  };
}

const label = (instance: string, more: Record<string, string>) =>
  Object.entries({ [LABEL.instance]: instance, ...more }).flatMap(([key, value]) => [
    '--label',
    `${key}=${value}`,
  ]);

/** One of each kind, with these labels; tells which of them are there. */
async function makeObjects(name: string, labels: string[]) {
  const container = await docker('create', '--name', name, ...labels, RUN_IMAGE, 'true');
  const image = await docker('commit', ...labelChanges(labels), container, `${name}:1`);
  const dangling = await docker('commit', ...labelChanges(labels), container);
  await docker('volume', 'create', ...labels, name);
  const [a, b] = randomBytes(2);
  const subnet = `10.${210 + ((a ?? 0) % 40)}.${b}.0/29`;
  await docker('network', 'create', '--subnet', subnet, ...labels, name);
  const kinds = { container, image, dangling, volume: name, network: name };
  return {
    async left() {
      const found: string[] = [];
      for (const [kind, id] of Object.entries(kinds)) {
        const type = kind === 'dangling' ? 'image' : kind;
        if (await docker(type, 'inspect', id).catch(() => '')) found.push(kind);
      }
      return found;
    },
    async remove() {
      await docker('rm', '-f', container).catch(() => '');
      await docker('rmi', '-f', image, dangling).catch(() => '');
      await docker('volume', 'rm', '-f', name).catch(() => '');
      await docker('network', 'rm', name).catch(() => '');
    },
  };
}

/** `docker commit` takes labels in another form. */
function labelChanges(labels: string[]): string[] {
  return labels.filter((text) => text !== '--label').flatMap((text) => ['--change', `LABEL ${text}`]);
}

describe('a sweep', () => {
  it('takes leftovers of ours after a grace, and never what is a stranger’s', async () => {
    const suffix = randomBytes(4).toString('hex');
    const orphan = { [LABEL.app]: 'gone', [LABEL.role]: 'build', [LABEL.build]: 'gone' };
    const unlabelled = await makeObjects(`paas-stranger-${suffix}`, []);
    const otherInstall = await makeObjects(`paas-other-${suffix}`, label(newInstance(), orphan));
    const ours = await makeObjects(`paas-ours-${suffix}`, label(house.instance, orphan));
    const all = ['container', 'image', 'dangling', 'volume', 'network'];
    try {
      await sweep(sweepDeps(), { needsSpace: true, signal });
      // Images of no app go at once; the rest may be in the making. A tag that is not ours keeps its image.
      expect(await ours.left()).toEqual(['container', 'image', 'volume', 'network']);
      for (const hoursLater of [1, 24, 24 * 365])
        await sweep(sweepDeps({ hoursLater }), { needsSpace: true, signal });
      expect(await ours.left()).toEqual(['image']);
      expect(await unlabelled.left()).toEqual(all);
      expect(await otherInstall.left()).toEqual(all);
      // The network of the dynos carries our label and no app.
      expect((await house.engine.listNetworks()).map(({ name }) => name)).toEqual([`paas-${house.instance}`]);
    } finally {
      for (const objects of [unlabelled, otherInstall, ours]) await objects.remove();
    }
  });

  it('keeps what the current release and those before it need, and says what expired', async () => {
    const app = house.createApp('keeper');
    const images: string[] = [];
    for (let version = 2; version <= 5; version += 1) {
      const container = await docker('create', RUN_IMAGE, String(version));
      const labels = label(house.instance, { [LABEL.app]: app.id });
      images.push(await docker('commit', ...labelChanges(labels), container));
      await docker('rm', container);
    }
    for (const image of images) {
      const release = { image, processTypes: {}, buildpacks: [], description: 'Deploy' };
      createDeployRelease(house.db, { app, by: house.account, ...release });
    }
    const present = async () => {
      const ids = new Set((await house.engine.listImages()).map(({ id }) => id));
      return images.map((image) => ids.has(image));
    };
    await sweep(sweepDeps(), { needsSpace: false, signal });
    expect(await present()).toEqual([true, true, true, true]);
    await sweep(sweepDeps({ keptReleases: 2 }), { needsSpace: false, signal });
    expect(await present()).toEqual([false, true, true, true]);
    // Somebody takes another one away.
    await docker('rmi', '-f', images[1] ?? '');
    await sweep(sweepDeps({ keptReleases: 2 }), { needsSpace: false, signal });
    const statuses = listReleases(house.db, app.id).map(({ version, status }) => `v${version} ${status}`);
    expect(statuses).toEqual(['v5 succeeded', 'v4 succeeded', 'v3 expired', 'v2 expired', 'v1 succeeded']);
    for (const image of images) await docker('rmi', '-f', image).catch(() => '');
  });

  it('drops a build cache that has outgrown its limit, unless a build uses it', async () => {
    const app = house.createApp('hoarder');
    const volume = `paas-cache-${house.instance}-${app.id}`;
    await house.engine.ensureVolume(volume, { [LABEL.app]: app.id });
    const fill = [
      'run',
      '--rm',
      '--user',
      '0',
      '-v',
      `${volume}:/cache`,
      RUN_IMAGE,
      'dd',
      'if=/dev/zero',
      'of=/cache/x',
    ];
    await docker(...fill, 'bs=1024', 'count=512');
    await sweep(sweepDeps(), { needsSpace: false, signal });
    expect((await house.engine.listVolumes()).map(({ name }) => name)).toContain(volume);
    await docker(...fill, 'bs=1024', 'count=2048');
    const user = await docker('run', '-d', '-v', `${volume}:/cache`, RUN_IMAGE, 'sleep', '600');
    await sweep(sweepDeps(), { needsSpace: false, signal });
    expect((await house.engine.listVolumes()).map(({ name }) => name)).toContain(volume);
    await docker('rm', '-f', user);
    await sweep(sweepDeps(), { needsSpace: false, signal });
    expect((await house.engine.listVolumes()).map(({ name }) => name)).not.toContain(volume);
  });
});

describe('the watchdog of writable layers', () => {
  it('warns near the limit, and ends a dyno over it, saying where the space went', async () => {
    const app = house.createApp('filler');
    const fill = 'mkdir -p /var/tmp/a/b; dd if=/dev/zero of=/var/tmp/a/b/big bs=1024 count=900 2>/dev/null';
    const more =
      'while [ ! -e /var/tmp/go ]; do sleep 0.1; done; dd if=/dev/zero of=/var/tmp/a/more bs=1024 count=400 2>/dev/null';
    const release = await house.deploy(app, { worker: `${fill}; echo filled; ${more}; sleep 600` });
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    expect(await house.settle(release)).toBe('live');
    const notices: LayerNotice[] = [];
    const watch = createLayerWatch({
      engine: house.engine,
      limits: { dynoBytes: 1024 ** 2, buildBytes: 1024 ** 3 },
      async notify(notice) {
        notices.push(notice);
        if (notice.kind !== 'exceeded') return;
        const { text: reason, bytes, limitBytes, biggest, container } = notice;
        house.dynos.condemn(container.id, {
          kind: 'disk-exceeded',
          reason,
          evidence: { bytes, limitBytes, biggest },
        });
      },
      log,
    });
    const check = async () => {
      await watch.check('all', AbortSignal.timeout(30_000));
      return notices.at(-1);
    };
    await eventually('it has written', async () => (await house.logText(app)).includes(': filled'));
    const near = await eventually('a warning', check);
    expect(near).toMatchObject({ kind: 'near', limitBytes: 1024 ** 2 });
    expect(near.text).toContain('/var/tmp/a/b 900 KB');
    expect(watch.unreadable).toBe(0);
    await docker('exec', near.container.id, 'touch', '/var/tmp/go');
    const over = await eventually('the end', async () =>
      (await check())?.kind === 'exceeded' ? notices.at(-1) : undefined,
    );
    expect(over.text).toMatch(/^Disk quota exceeded -> 1\.\d MB written/);
    const incident = await eventually('the incident', () => listIncidents(house.db, app.id, { limit: 1 })[0]);
    expect(incident).toMatchObject({ kind: 'disk-exceeded', dyno: 'worker.1' });
    await eventually('the line', async () => (await house.logText(app)).includes('Disk quota exceeded'));
  });
});

describe('the ballast', () => {
  it('is laid while there is room, freed when the disk is full, and laid again afterwards', async () => {
    const mount = mkdtempSync(join(tmpdir(), 'paas-ballast-'));
    await run('mount', ['-t', 'tmpfs', '-o', 'size=100m,mode=0700', 'tmpfs', mount]);
    const stopping = new AbortController();
    const ballast = join(mount, 'ballast');
    const filler = join(mount, 'filler');
    const running = runUpkeep(
      {
        ...sweepDeps(),
        space: createDiskSpace({ dataDir: mount, engine: house.engine, floor: { bytes: 1024 ** 2 } }),
        layers: { check: async () => undefined, alarmBytes: 1e9, unreadable: 0 },
        paths: { ballast, backups: join(mount, 'backups'), ownLogs: mount },
        timing: { ...TIMING, checkMs: 50 },
        ballastBytes: 1024 ** 3,
        keptBackups: 2,
      },
      stopping.signal,
    );
    const size = () => statSync(ballast, { throwIfNoEntry: false })?.size;
    try {
      // A hundredth of a small disk.
      await eventually('the ballast', () => size() === 1024 ** 2);
      await eventually(
        'a backup',
        () => existsSync(join(mount, 'backups')) && readdirSync(join(mount, 'backups')).length === 1,
      );
      writeFileSync(filler, Buffer.alloc(98 * 1024 ** 2, 1), { flag: 'w' });
      appendFileSync(filler, Buffer.alloc(statfsSync(mount).bavail * 4096, 1));
      await eventually('its end', () => size() === undefined);
      writeFileSync(join(mount, 'needed'), Buffer.alloc(500_000));
      rmSync(filler);
      await eventually('the ballast again', () => size() === 1024 ** 2);
    } finally {
      stopping.abort();
      await running;
      await run('umount', ['-l', mount]);
      rmSync(mount, { recursive: true });
    }
  });
});
