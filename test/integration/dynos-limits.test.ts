import { execFileSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { App } from '../../src/platform/apps.js';
import { changeDynoSettings } from '../../src/platform/dyno-settings.js';
import { listCrashes, restartDynos } from '../../src/platform/dyno-wishes.js';
import { scale } from '../../src/platform/formation.js';
import { listIncidents } from '../../src/platform/incidents.js';
import { parseSize } from '../../src/platform/sizes.js';
import { eventually, type House, openHouse } from '../support/house.js';

const WEB = `exec python3 -m http.server --bind 0.0.0.0 $PORT`;
const HOG = `python3 -c 'print(\\"eating\\", flush=True); x = bytearray(300 * 1024 * 1024)'`;

// Grows until its container holds 97 % of what it may, then stays.
const NEAR_LIMIT = `exec python3 -c '
import re, time
def used():
    try:
        root = "/sys/fs/cgroup/memory/"
        total, key = int(open(root + "memory.usage_in_bytes").read()), "total_inactive_file"
    except OSError:
        root = "/sys/fs/cgroup/"
        total, key = int(open(root + "memory.current").read()), "\\ninactive_file"
    stat = "\\n" + open(root + "memory.stat").read()
    return total - int(re.search(key + r" (\\d+)", stat).group(1))
kept = []
while used() < 0.97 * 64 * 1024 * 1024: kept.append(bytearray(128 * 1024))
print("full", flush=True)
time.sleep(1000)
'`;

/** Version 1 of control groups has shares, version 2 a weight, of which runc makes less than proportional ones. */
const TELL_WEIGHT = `if [ -e /sys/fs/cgroup/cpu/cpu.shares ]; then echo "shares $(cat /sys/fs/cgroup/cpu/cpu.shares)"; else echo "weight $(cat /sys/fs/cgroup/cpu.weight)"; fi`;

describe('the limits of dynos', () => {
  let house: House;
  beforeAll(async () => {
    house = await openHouse({ coolOffMs: 600_000, memorySampleMs: 300, cycleMs: 2000 });
  });
  afterAll(async () => {
    await house[Symbol.asyncDispose]();
  });

  /** An app with one worker of 64 MB; resolves when the worker is up or has crashed. */
  async function startWorker(name: string, command: string): Promise<App> {
    const app = house.createApp(name);
    await house.deploy(app, { worker: command });
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1, size: '64m' }] });
    return app;
  }

  const logWith = (app: App, ...texts: string[]) =>
    eventually(texts.join(' + '), async () => {
      const log = await house.logText(app);
      return texts.every((text) => log.includes(text)) && log;
    });

  it('says R15 of a main process that is killed at its limit, counts it and waits before the next try', async () => {
    const app = await startWorker('hog', `exec ${HOG.replaceAll('\\"', '"')}`);
    const log = await logWith(app, 'next try in 10 minutes');
    expect(log).toContain(
      'heroku[worker.1]: Error R15 (Memory quota vastly exceeded) -> The process was killed at its memory limit of 64M',
    );
    expect(log).toContain('heroku[worker.1]: Process exited with status 137');
    expect(log).toContain('heroku[worker.1]: Crashed 2 times in a row: next try in 10 minutes');
    expect(listIncidents(house.db, app.id)[0]).toMatchObject({
      kind: 'out-of-memory',
      dyno: 'worker.1',
      evidence: { process: 'main', exit_code: 137 },
    });
    const [dyno] = await house.dynos.list(app);
    expect(dyno).toMatchObject({ state: 'crashed' });
    expect(dyno?.nextTryAt).toBeGreaterThan(Date.now() + 500_000);
  });

  it('says of a killed child that the dyno goes on, and counts no crash', async () => {
    const app = await startWorker('parent', `sh -c "${HOG}"; echo "child ended with $?"; exec sleep 1000`);
    const log = await logWith(app, 'the main process goes on', 'child ended with 137');
    expect(log).toContain('A child process was killed at the memory limit of 64M; the main process goes on');
    expect(log).not.toContain('crashed');
    expect((await house.dynos.list(app)).map(({ state }) => state)).toEqual(['up']);
    // On a slow machine the child is near the limit for as long as two looks.
    const incidents = listIncidents(house.db, app.id).filter(({ kind }) => kind !== 'memory-high');
    expect(incidents).toMatchObject([
      { kind: 'out-of-memory', dyno: 'worker.1', evidence: { process: 'child' } },
    ]);
  });

  it('says that a child was killed when the main process ends because of it', async () => {
    const app = await startWorker('chain', `sh -c "${HOG}"; exit 3`);
    const log = await logWith(app, 'Process exited with status 3');
    expect(log).toContain('A child process was killed at the memory limit of 64M, and the process ended');
    expect(log).toContain('Process exited with status 3');
  });

  it('says R14 of a dyno that is near its limit', async () => {
    const app = await startWorker('full', NEAR_LIMIT);
    const log = await logWith(app, 'Error R14 (Memory quota exceeded)');
    expect(log).toMatch(/heroku\[worker\.1\]: Process running mem=6[1-4]M\((9[5-9]|100)\.\d%\)/);
    expect(listIncidents(house.db, app.id)[0]).toMatchObject({ kind: 'memory-high', dyno: 'worker.1' });
  });

  it('kills a process that ignores SIGTERM at the grace time of its app, and says R12', async () => {
    const app = await startWorker('deaf', `trap "" TERM; echo ready; while true; do sleep 1; done`);
    changeDynoSettings(house.db, { app, stopGraceMs: 1000 });
    await logWith(app, 'app[worker.1]: ready');
    restartDynos(house.db, { app });
    const log = await logWith(app, 'Stopping remaining processes with SIGKILL');
    expect(log).toContain(
      'Error R12 (Exit timeout) -> At least one process failed to exit within 1 seconds of SIGTERM',
    );
  });

  it('replaces old dynos of an app that cycles, web start-first, and loses no request', async () => {
    const app = house.createApp('cycling');
    await house.settle(await house.deploy(app, { web: WEB, worker: 'exec sleep 1000' }));
    scale(house.db, { app, updates: [{ type: 'worker', quantity: 1 }] });
    const containers = async () => (await house.dynos.list(app)).map(({ containerId }) => containerId ?? '');
    const before = await eventually('both up', async () => {
      const dynos = await house.dynos.list(app);
      return dynos.length === 2 && dynos.every(({ state }) => state === 'up') && containers();
    });
    changeDynoSettings(house.db, { app, cycling: true });
    const statuses = new Set<number>();
    await eventually('two others', async () => {
      statuses.add((await house.request(app)).status);
      const now = await containers();
      return now.every((id) => id !== '' && !before.includes(id));
    });
    changeDynoSettings(house.db, { app, cycling: false });
    expect([...statuses]).toEqual([200]);
    const log = await logWith(app, 'heroku[worker.1]: Cycling', 'heroku[web.1]: Cycling');
    expect(log).toContain('heroku[web.1]: State changed from up to starting');
    expect(listIncidents(house.db, app.id)).toEqual([]);
  });

  it('counts no crash of what ended with the server, and keeps a crashed one waiting across a restart', async () => {
    const ended = await startWorker(
      'powerless',
      'trap "exit 255" USR1; echo ready; while true; do sleep 0.1; done',
    );
    const crashed = await startWorker('waiting', 'exit 255');
    await logWith(ended, 'app[worker.1]: ready');
    await logWith(crashed, 'next try in 10 minutes');
    const waiting = (await house.dynos.list(crashed))[0]?.nextTryAt;
    const id = (await house.dynos.list(ended))[0]?.containerId ?? '';
    await house.restartLoop(async () => {
      await house.engine.signalContainer(id, 'SIGUSR1');
      await house.engine.waitContainer(id, { signal: AbortSignal.timeout(30_000) });
    });
    await logWith(ended, 'The server or its container engine stopped, and the process with it');
    await eventually('it runs again', async () => {
      const [dyno] = await house.dynos.list(ended);
      return dyno?.state === 'up' && dyno.containerId !== id;
    });
    expect(listCrashes(house.db, ended.id)).toEqual([]);
    expect(listIncidents(house.db, ended.id)).toEqual([]);
    expect((await house.dynos.list(crashed))[0]).toMatchObject({ state: 'crashed', nextTryAt: waiting });
  });

  it('gives CPU in proportion to the size', async () => {
    const app = await startWorker('weighty', `${TELL_WEIGHT}; exec sleep 1000`);
    const weights: number[] = [];
    let before: string | undefined;
    for (const [size, shares] of [
      ['64m', 128],
      ['512m', 1024],
      ['standard-2x', 2048],
    ] as const) {
      scale(house.db, { app, updates: [{ type: 'worker', size }] });
      const dyno = await eventually(`a dyno of ${size}`, async () => {
        const [found] = await house.dynos.list(app);
        const isOther = found?.containerId !== undefined && found.containerId !== before;
        return isOther && found.size === parseSize(size).size && found.state === 'up' && found;
      });
      before = dyno.containerId;
      const [inspected] = JSON.parse(
        execFileSync('docker', ['inspect', dyno.containerId ?? ''], { encoding: 'utf8' }),
      );
      expect(inspected.HostConfig.CpuShares).toBe(shares);
      // And as the kernel has it, told from inside.
      const told = await eventually(`it tells the weight of ${size}`, async () => {
        const found = [...(await house.logText(app)).matchAll(/app\[worker\.1\]: (shares|weight) (\d+)/g)];
        return found.length === weights.length + 1 && found.at(-1);
      });
      if (told[1] === 'shares') expect(Number(told[2])).toBe(shares);
      weights.push(Number(told[2]));
    }
    expect(weights).toEqual([...new Set(weights)].sort((a, b) => a - b));
  });
});
