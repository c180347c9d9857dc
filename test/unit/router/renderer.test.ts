import { expect, it } from 'vitest';
import { createRenderer } from '../../../src/router/renderer.js';
import type { RouterState } from '../../../src/router/router-state.js';

const SETTINGS = { dir: '/x', bindAddress: '127.0.0.1', httpPort: 8080, maxConnections: 100, threads: 1 };
const platform = { host: 'paas.test', address: '127.0.0.1:7070' };
const withMode = (mode: 'live' | 'maintenance'): RouterState => ({
  platform,
  apps: [{ id: 'a', name: 'a', hosts: ['a.test'], mode, servers: [] }],
});

it('renders what is told again once, and anything else anew', () => {
  const render = createRenderer({ ...SETTINGS, runAs: undefined });
  const starting = render(undefined);
  expect(render(undefined)).toBe(starting);
  const live = render(withMode('live'));
  expect(render(withMode('live'))).toBe(live);
  expect(live.modes.get('a')).toBe('booting');
  expect(render(withMode('maintenance')).modes.get('a')).toBe('maintenance');
  expect(render(withMode('live'))).toEqual(live);
});

it('goes on after a state that is refused', () => {
  const render = createRenderer({ ...SETTINGS, runAs: undefined });
  const live = render(withMode('live'));
  const bad = { platform, apps: [{ ...withMode('live').apps[0], hosts: ['a;b'] }] } as RouterState;
  expect(() => render(bad)).toThrow(TypeError);
  expect(() => render(bad)).toThrow(TypeError);
  expect(render(withMode('live'))).toBe(live);
});
