import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BuildId } from '../../../src/ids.js';
import type { Account } from '../../../src/platform/accounts.js';
import { parseHealthchecks } from '../../../src/platform/app-json.js';
import { type App, getApp, updateApp } from '../../../src/platform/apps.js';
import { applySettings, type CheckSettings, DEFAULT_CHECK } from '../../../src/platform/check.js';
import {
  checksOf,
  keepDeclaredChecks,
  listChecks,
  setChecks,
  unsetChecks,
} from '../../../src/platform/checks.js';
import { createConfigRelease, createDeployRelease } from '../../../src/platform/make-release.js';
import { addApp, deploy, openTestDatabase, type TestDatabase } from '../../support/test-database.js';

let test: TestDatabase;
let account: Account;
let app: App;

beforeEach(() => {
  test = openTestDatabase();
  ({ app, by: account } = addApp(test.db));
});
afterEach(() => test[Symbol.dispose]());

const sources = () =>
  listChecks(test.db, app).map(({ type, phase, source, checks }) =>
    [type, phase, source, ...checks.map((check) => check.probe.kind)].join(' '),
  );

describe('checks', () => {
  it('are a port for web and nothing for other types by default', () => {
    deploy(test.db, { app, by: account, digit: '1', processTypes: { web: 'x', worker: 'y' } });
    expect(sources()).toEqual([
      'web startup default port',
      'web liveness default port',
      'worker startup default',
      'worker liveness default',
    ]);
  });

  it('come from a setting before the health path before app.json', () => {
    const buildId = '00000000-0000-4000-8000-000000000001' as BuildId;
    const { checks } = parseHealthchecks(
      Buffer.from(
        JSON.stringify({
          healthchecks: {
            web: [{ path: '/a' }, { type: 'liveness', command: 'b' }],
            worker: [{ type: 'liveness', command: ['c'] }],
          },
        }),
      ),
    );
    keepDeclaredChecks(test.db, { appId: app.id, buildId, checks });
    const release = createDeployRelease(test.db, {
      app,
      by: account,
      image: 'sha256:1',
      buildId,
      processTypes: { web: 'x', worker: 'y' },
      buildpacks: [],
      description: 'Deploy',
    });
    const declared = [
      'web startup app.json http',
      'web liveness app.json command',
      'worker startup default',
      'worker liveness app.json command',
    ];
    expect(sources()).toEqual(declared);
    // A release of the same code has them too; one of other code has its own.
    createConfigRelease(test.db, { app, by: account, config: { A: 'b' }, description: 'Set A' });
    expect(sources()).toEqual(declared);
    deploy(test.db, { app, by: account, digit: '1', processTypes: { web: 'x' } });
    expect(sources()).toEqual(['web startup default port', 'web liveness default port']);
    const old = checksOf(test.db, { app, type: 'web', releaseVersion: release.version });
    expect(old.startup.checks[0]?.probe).toMatchObject({ path: '/a' });

    app = updateApp(test.db, { app, healthPath: '/up' });
    expect(sources()[0]).toBe('web startup health_path http');
    setChecks(test.db, { app, type: 'web', phases: ['startup'], settings: { kind: 'off' } });
    expect(sources()).toEqual(['web startup setting', 'web liveness default port']);
    unsetChecks(test.db, { app, type: 'web' });
    expect(sources()[0]).toBe('web startup health_path http');
  });

  it('set in part keep the rest, announce themselves and go with the app', () => {
    deploy(test.db, { app, by: account, digit: '1', processTypes: { web: 'x' } });
    const seen: string[] = [];
    test.db.onChange(({ kind }) => seen.push(kind));
    setChecks(test.db, { app, type: 'web', settings: { path: '/h', interval: 2, host: 'a.test' } });
    setChecks(test.db, { app, type: 'web', phases: ['liveness'], settings: { attempts: 7, status: '204' } });
    expect(seen).toEqual(['checks-changed', 'checks-changed']);
    expect(checksOf(test.db, { app, type: 'web', releaseVersion: undefined }).liveness.checks).toEqual([
      {
        probe: {
          kind: 'http',
          path: '/h',
          minStatus: 204,
          maxStatus: 204,
          headers: [{ name: 'Host', value: 'a.test' }],
        },
        intervalMs: 2000,
        timeoutMs: 5000,
        attempts: 7,
        initialDelayMs: 0,
        timesGiven: true,
      },
    ]);
    expect(getApp(test.db, app.id)).toBeDefined();
    expect(() => setChecks(test.db, { app, type: 'wrker', settings: { kind: 'port' } })).toThrow(
      /has no process type "wrker"\. It has: web/,
    );
    expect(() => setChecks(test.db, { app, type: 'web', settings: { uptime: 5 } })).toThrow(/startup only/);
  });

  it('are not switched on by times alone', () => {
    deploy(test.db, { app, by: account, digit: '1', processTypes: { web: 'x', worker: 'y' } });
    const none = /^worker has no check whose times could change/;
    for (const settings of [
      { interval: 5 },
      { attempts: 2, timeout: 1 },
      { initialDelay: 3 },
      { status: '200' },
    ]) {
      expect(() => setChecks(test.db, { app, type: 'worker', settings })).toThrow(none);
      expect(() => setChecks(test.db, { app, type: 'worker', phases: ['liveness'], settings })).toThrow(
        /^worker has no liveness check/,
      );
    }
    expect(sources().slice(2)).toEqual(['worker startup default', 'worker liveness default']);
    setChecks(test.db, { app, type: 'web', settings: { kind: 'off' } });
    expect(() => setChecks(test.db, { app, type: 'web', settings: { interval: 5 } })).toThrow(
      /^web has no check/,
    );
    // What says what to ask may say times with it.
    setChecks(test.db, { app, type: 'web', settings: { port: 3000, interval: 5 } });
    setChecks(test.db, {
      app,
      type: 'worker',
      phases: ['liveness'],
      settings: { command: 'x', interval: 5 },
    });
    // Then there is one check whose times can change, and none at the start.
    setChecks(test.db, { app, type: 'worker', settings: { interval: 7 } });
    expect(sources()).toEqual([
      'web startup setting port',
      'web liveness setting port',
      'worker startup default',
      'worker liveness setting command',
    ]);
    expect(listChecks(test.db, app)[3]?.checks[0]?.intervalMs).toBe(7000);
  });

  it('of app.json that are several are not dropped by times alone', () => {
    const buildId = '00000000-0000-4000-8000-000000000002' as BuildId;
    const list = [
      { type: 'liveness', path: '/a' },
      { type: 'liveness', path: '/b' },
      { type: 'startup', path: '/c' },
    ];
    const { checks } = parseHealthchecks(Buffer.from(JSON.stringify({ healthchecks: { web: list } })));
    keepDeclaredChecks(test.db, { appId: app.id, buildId, checks });
    createDeployRelease(test.db, {
      app,
      by: account,
      image: 'sha256:1',
      buildId,
      processTypes: { web: 'x' },
      buildpacks: [],
      description: 'Deploy',
    });
    const settings = { interval: 5 };
    const several = /^app\.json declares 2 liveness checks of web/;
    expect(() => setChecks(test.db, { app, type: 'web', settings })).toThrow(several);
    expect(() =>
      setChecks(test.db, { app, type: 'web', phases: ['liveness'], settings: { port: 1 } }),
    ).toThrow(several);
    expect(sources()).toEqual(['web startup app.json http', 'web liveness app.json http http']);
    setChecks(test.db, { app, type: 'web', phases: ['startup'], settings });
    setChecks(test.db, { app, type: 'web', phases: ['liveness'], settings: { path: '/d' } });
    expect(sources()).toEqual(['web startup setting http', 'web liveness setting http']);
  });
});

describe('applySettings', () => {
  it.each<[CheckSettings, RegExp]>([
    [{ path: 'x' }, /^path "x" must be a path/],
    [{ path: '/a b' }, /^path/],
    [{ path: '/\r\nHost: evil' }, /^path/],
    [{ path: `/${'a'.repeat(1024)}` }, /^path/],
    [{ path: '//evil.test/x#y' }, /^path/],
    [{ path: '/', status: '99' }, /^status "99" must be a status or a range/],
    [{ path: '/', status: '400-200' }, /^status/],
    [{ path: '/', status: '200\n' }, /^status/],
    [{ path: '/', host: 'a\r\nb' }, /^headers "Host" must have values/],
    [{ path: '/', headers: [{ name: 'Content-Length', value: '5' }] }, /^headers .* which the platform sets/],
    [{ path: '/', headers: [{ name: 'a b', value: '5' }] }, /^headers "a b" must have names/],
    [{ path: '/', content: 'a\u0000' }, /^content must be text/],
    [{ kind: 'port', path: '/' }, /^path does not go with a check of kind port/],
    [{ kind: 'http', command: 'x' }, /^command does not go with a check of kind http/],
    [{ kind: 'off', port: 5 }, /^port does not go with a check of kind off/],
    [{ kind: 'command' }, /^command is missing/],
    [{ command: '' }, /^command must be a command/],
    [{ command: 'a\0b' }, /^command must be/],
    [{ kind: 'port', port: 0 }, /^port "0" must be a port/],
    [{ interval: 0.5 }, /^interval "0.5" must be a number of seconds from 1 to 3600/],
    [{ interval: Number.NaN }, /^interval/],
    [{ timeout: 301 }, /^timeout "301"/],
    [{ attempts: 0 }, /^attempts "0" must be a whole number from 1 to 100/],
    [{ initialDelay: -1 }, /^initial_delay "-1"/],
  ])('refuses %j', (settings, message) => {
    expect(() => applySettings(DEFAULT_CHECK, settings)).toThrow(message);
  });
});
