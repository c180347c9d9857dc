import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { getApp } from '../../src/platform/apps.js';
import { getDynoSettings } from '../../src/platform/dyno-settings.js';
import { createDeployRelease } from '../../src/platform/make-release.js';
import { startTestServer, type TestServer } from '../support/api-server.js';
import { type CompiledCli, openCli } from '../support/run-cli.js';

describe('how dynos are kept, from the command line', () => {
  let test: TestServer;
  let cli: CompiledCli;
  let paas: (...args: string[]) => ReturnType<CompiledCli['run']>;
  let appId: NonNullable<ReturnType<typeof getApp>>['id'];

  beforeAll(async () => {
    [test, cli] = await Promise.all([startTestServer(), openCli()]);
    const { account, token, headers } = await test.addAccount('ada@example.com');
    const env = { PAAS_HOST: await test.listen(), PAAS_TOKEN: token, PAAS_APP: 'example' };
    paas = (...args) => cli.run(args, { env });
    const created = await test.server.inject({
      method: 'POST',
      url: '/apps',
      headers,
      payload: { name: 'example' },
    });
    appId = created.json().id;
    const app = getApp(test.db, appId);
    if (app === undefined) throw new Error('no app');
    const processTypes = { web: 'run', worker: 'work' };
    createDeployRelease(test.db, {
      app,
      by: account,
      image: 'sha256:1',
      processTypes,
      buildpacks: [],
      description: 'Deploy',
    });
  });
  afterAll(async () => {
    await cli[Symbol.asyncDispose]();
    await test[Symbol.asyncDispose]();
  });

  it('automatic rollback is on for two minutes, can be set, and turned off with one command', async () => {
    expect((await paas('rollback:auto')).stdout).toBe('on, for 2m after a release\n');
    const set = await paas('rollback:auto', '--window', '5m');
    expect(set.stderr).toBe('Enabling automatic rollback on example... done, on, for 5m after a release\n');
    expect(getDynoSettings(test.db, appId).rollbackWindowMs).toBe(300_000);
    expect((await paas('rollback:auto', 'off')).stderr).toBe(
      'Disabling automatic rollback on example... done, off\n',
    );
    expect(JSON.parse((await paas('releases:watch', '--json')).stdout)).toEqual({
      auto_rollback: false,
      window: 0,
    });
    await paas('rollback:auto', 'on');
    expect(getDynoSettings(test.db, appId).rollbackWindowMs).toBeUndefined();
    expect(test.written.map(({ text }) => text)).toContain(
      'Automatic rollback disabled by user ada@example.com',
    );
  });

  it.each([
    { args: ['rollback:auto', 'maybe'], code: 2, says: '"maybe" is neither on nor off' },
    { args: ['rollback:auto', '--window', 'x'], code: 2, says: '--window must be a time' },
    { args: ['rollback:auto', '--window', '2d'], code: 1, says: 'must be from 0 to 86400 seconds' },
    { args: ['rollback:auto', 'off', '--window', '1m'], code: 2, says: '--window goes with on' },
    { args: ['ps:timeouts', '--grace', '1h'], code: 1, says: 'must be from 0 to 600 seconds' },
    { args: ['ps:timeouts', '--drain', '2h'], code: 1, says: 'between 0 and 3600 seconds' },
    { args: ['ps:cycle', 'daily'], code: 2, says: '"daily" is neither on nor off' },
    { args: ['ps:type', 'web=3m'], code: 1, says: 'is not a memory size' },
  ])('$args is refused', async ({ args, code, says }) => {
    const result = await paas(...args);
    expect(result.stderr).toContain(says);
    expect(result.code).toBe(code);
  });

  it('timeouts are shown, set, and set back', async () => {
    expect((await paas('ps:timeouts')).stdout).toBe('drain: 30s\ngrace: 30s\n');
    expect((await paas('ps:timeouts', '--drain', '2m', '--grace', '10')).stdout).toBe(
      'drain: 2m\ngrace: 10s\n',
    );
    expect(getApp(test.db, appId)?.drainTimeoutMs).toBe(120_000);
    const back = await paas('ps:timeouts', '--drain', 'default', '--grace', 'default', '--json');
    expect(JSON.parse(back.stdout)).toEqual({ drain: 30, grace: 30 });
  });

  it('cycling is off, and can be turned on', async () => {
    expect((await paas('ps:cycle')).stdout).toBe('off\n');
    await paas('ps:cycle', 'on');
    expect(JSON.parse((await paas('ps:cycle', '-j')).stdout)).toEqual({ cycling: true });
  });

  it('sizes have names, and plain ones', async () => {
    expect((await paas('ps:type', 'web=standard-2x', 'worker=256m')).stdout).toBe(
      'type    size  qty\nweb     1G    1\nworker  256M  0\n',
    );
    expect((await paas('ps:scale', 'web=2:performance-m')).stderr).toContain('web at 2:2560M');
    await paas('ps:type', 'basic');
    expect(JSON.parse((await paas('ps:type', '--json')).stdout)).toMatchObject([
      { type: 'web', size: '512M', quantity: 2 },
      { type: 'worker', size: '512M', quantity: 0 },
    ]);
  });
});
