import { describe, expect, test } from 'vitest';
import { effectiveMode, renderRouter } from '../../../src/router/config.js';
import type { RoutedApp, RoutedServer, RouterState } from '../../../src/router/router-state.js';
import type { RouterSettings } from '../../../src/router/settings.js';

const settings: RouterSettings = {
  dir: '/var/lib/paas/haproxy',
  httpPort: 8080,
  bindAddress: '*',
  maxConnections: 4000,
  threads: 1,
  runAs: { user: 'haproxy', group: 'haproxy' },
};
const server = (changes: Partial<RoutedServer> = {}): RoutedServer => ({
  name: 'web.1-0123456789ab',
  dyno: 'web.1',
  ip: '10.213.0.2',
  port: 5000,
  state: 'ready',
  ...changes,
});
const app = (changes: Partial<RoutedApp> = {}): RoutedApp => ({
  id: 'b0000000-0000-4000-8000-000000000000',
  name: 'sample',
  hosts: ['sample.localhost'],
  mode: 'live',
  servers: [server()],
  ...changes,
});
const state = (...apps: RoutedApp[]): RouterState => ({
  platform: { host: 'localhost', address: '127.0.0.1:7070' },
  apps,
});

describe('renderRouter', () => {
  test('renders the whole configuration', async () => {
    const draining = server({ name: 'web.1-ba9876543210', ip: '10.213.0.3', state: 'draining' });
    const blank = app({
      id: 'a0',
      hosts: ['blank.localhost', 'www.example.com'],
      mode: 'blank',
      servers: [],
    });
    const rendered = renderRouter(settings, state(app({ servers: [server(), draining] }), blank));
    await expect(rendered.config).toMatchFileSnapshot('haproxy.cfg.golden');
    expect(rendered.files.find((file) => file.file === 'hosts.map')?.content).toBe(
      'localhost platform\nblank.localhost a0\nwww.example.com a0\n' +
        'sample.localhost b0000000-0000-4000-8000-000000000000\n',
    );
    expect(rendered.files.find((file) => file.file === 'modes.map')?.content).toBe(
      'router ready\na0 blank\nb0000000-0000-4000-8000-000000000000 live\n',
    );
  });

  test('keeps its fingerprint when only apps change', () => {
    const one = renderRouter(settings, state(app()));
    const two = renderRouter(settings, state(app({ servers: [] }), app({ id: 'c', hosts: ['c.localhost'] })));
    expect(two.fingerprint).toBe(one.fingerprint);
    expect(renderRouter({ ...settings, httpPort: 80 }, state(app())).fingerprint).not.toBe(one.fingerprint);
  });

  test.each<[string, RouterState]>([
    ...[
      '',
      ' a.test',
      'a.test\n',
      'a.test#',
      'A.test',
      'a_b.test',
      '*.test',
      'ä.test',
      '%[src]',
      'ex;show version',
      'a\nbackend x',
      '$' + '{HOME}',
      'a'.repeat(254),
      '-a.test',
    ].map((host): [string, RouterState] => [
      `host ${JSON.stringify(host.slice(0, 20))}`,
      state(app({ hosts: [host] })),
    ]),
    ...['', 'a b', 'a/b', 'a;b', 'platform', 'router', 'A'].map((id): [string, RouterState] => [
      `app id ${id}`,
      state(app({ id })),
    ]),
    ...['web.1', 'web.1-a b', 'web.1-a;b', 'web.1-a/b', '../x'].map((name): [string, RouterState] => [
      `server ${name}`,
      state(app({ servers: [server({ name })] })),
    ]),
    ...['10.213.0', '::1', '10.213.0.2 disabled', 'a.test', '010.1.1.1'].map((ip): [string, RouterState] => [
      `ip ${ip}`,
      state(app({ servers: [server({ ip })] })),
    ]),
    ...[0, -1, 1.5, 65536, Number.NaN].map((port): [string, RouterState] => [
      `port ${port}`,
      state(app({ servers: [server({ port })] })),
    ]),
    ['a host twice', state(app(), app({ id: 'c' }))],
    ['the platform host as an app', state(app({ hosts: ['localhost'] }))],
    ['an app twice', state(app(), app({ hosts: [] }))],
    ['a server twice', state(app({ servers: [server(), server()] }))],
    [
      'a platform address with a name',
      { platform: { host: 'localhost', address: 'localhost:7070' }, apps: [] },
    ],
    [
      'a platform address without a port',
      { platform: { host: 'localhost', address: '127.0.0.1' }, apps: [] },
    ],
  ])('refuses %s', (_, refused) => {
    expect(() => renderRouter(settings, refused)).toThrow(TypeError);
  });

  test.each<[string, Partial<RouterSettings>]>([
    ['directory', { dir: '/tmp/a b' }],
    ['relative directory', { dir: 'a' }],
    ['long directory', { dir: `/${'a'.repeat(100)}` }],
    ['address', { bindAddress: '0.0.0.0 ssl' }],
    ['port', { httpPort: 0 }],
    ['user', { runAs: { user: 'a b', group: 'a' } }],
  ])('refuses settings with a bad %s', (_, changes) => {
    expect(() => renderRouter({ ...settings, ...changes }, undefined)).toThrow(TypeError);
  });
});

test.each<[string, RoutedApp, string]>([
  ['live with a ready server', app(), 'live'],
  ['live without a server', app({ servers: [] }), 'booting'],
  ['live with draining servers only', app({ servers: [server({ state: 'draining' })] }), 'booting'],
  ['maintenance with servers', app({ mode: 'maintenance' }), 'maintenance'],
])('an app that is %s acts as %s', (_, routed, mode) => {
  expect(effectiveMode(routed)).toBe(mode);
});
