import { describe, expect, it } from 'vitest';
import type { Container } from '../../../src/engine/engine.js';
import { planCaches } from '../../../src/upkeep/build-caches.js';
import { staleOutputs, staleRepositories, staleUploads, staleWork } from '../../../src/upkeep/kept-files.js';
import { planLeftovers } from '../../../src/upkeep/leftovers.js';

const HOUR = 3600_000;
const nowMs = 1000 * HOUR;
const A = '00000000-0000-4000-8000-00000000000a';
const B = '00000000-0000-4000-8000-00000000000b';

describe('planLeftovers', () => {
  const container = (labels: Record<string, string>, ageMs: number, state: Container['state'] = 'exited') =>
    // Only these fields are read.
    ({ id: 'c', labels, state, createdAt: nowMs - ageMs }) as unknown as Container;
  const plan = (given: Container) =>
    planLeftovers({
      appIds: new Set(['a']),
      isBuilding: (id) => id === 'running',
      containers: [given],
      volumes: [],
      networks: [],
      nowMs,
    }).containers.length === 1;

  it.each([
    ['of a destroyed app', { 'paas.app': 'gone' }, HOUR, 'exited', true],
    ['of a destroyed app, just made', { 'paas.app': 'gone' }, 1000, 'exited', false],
    ['without an app', {}, HOUR, 'exited', false],
    ['a dyno', { 'paas.app': 'a', 'paas.role': 'dyno' }, HOUR, 'running', false],
    [
      'of a running build',
      { 'paas.app': 'a', 'paas.role': 'build', 'paas.build': 'running' },
      HOUR,
      'running',
      false,
    ],
    [
      'of a build that ended',
      { 'paas.app': 'a', 'paas.role': 'build', 'paas.build': 'x' },
      HOUR,
      'exited',
      true,
    ],
    [
      'of a build that just ended',
      { 'paas.app': 'a', 'paas.role': 'image-assembly', 'paas.build': 'x' },
      1000,
      'created',
      false,
    ],
    ['a one-off dyno', { 'paas.app': 'a', 'paas.role': 'one-off' }, 9 * HOUR, 'running', false],
    [
      'a one-off dyno that nobody started',
      { 'paas.app': 'a', 'paas.role': 'one-off' },
      2 * HOUR,
      'created',
      true,
    ],
    ['a one-off dyno that nobody removed', { 'paas.app': 'a', 'paas.role': 'one-off' }, HOUR, 'exited', true],
    ['a one-off dyno that just ended', { 'paas.app': 'a', 'paas.role': 'one-off' }, 1000, 'exited', false],
    ['a release phase that ended', { 'paas.app': 'a', 'paas.role': 'release-phase' }, HOUR, 'exited', false],
  ] as const)('a container %s', (_what, labels, ageMs, state, expected) => {
    expect(plan(container(labels, ageMs, state))).toBe(expected);
  });

  it('volumes and networks of no app, past the grace; never those of the platform itself', () => {
    const object = (name: string, labels: Record<string, string>, ageMs = HOUR) => ({
      name,
      labels,
      createdAt: nowMs - ageMs,
    });
    const objects = [
      object('of-a', { 'paas.app': 'a' }),
      object('orphan', { 'paas.app': 'gone' }),
      object('young', { 'paas.app': 'gone' }, 1000),
      object('platform', {}),
    ];
    const found = planLeftovers({
      appIds: new Set(['a']),
      isBuilding: () => false,
      containers: [],
      volumes: objects,
      networks: objects,
      nowMs,
    });
    expect(found).toMatchObject({ volumes: ['orphan'], networks: ['orphan'] });
  });
});

describe('planCaches', () => {
  const cache = (volume: string, bytes: number, createdAt: number, isInUse = false) => ({
    volume,
    appId: 'a',
    bytes,
    createdAt,
    isInUse,
  });
  const caches = [cache('new', 5, 2), cache('big', 20, 3), cache('old', 5, 1), cache('used', 30, 0, true)];

  it.each([
    [false, ['big']],
    [true, ['old', 'new', 'big']],
  ])('with a low disk %s', (needsSpace, expected) => {
    expect(planCaches(caches, { maxBytes: 10, needsSpace }).map(({ volume }) => volume)).toEqual(expected);
  });
});

describe('stale files', () => {
  const file = (name: string, ageHours: number) => ({ name, modifiedAt: nowMs - ageHours * HOUR });

  it.each([
    [
      'outputs',
      (f: never[]) => staleOutputs(f, { keptBuilds: new Set([A]), nowMs }),
      [file(`${A}.log`, 99), file(`${B}.log`, 2), file(`${B}.log.new`, 0)],
      [`${B}.log`],
    ],
    [
      'uploads',
      (f: never[]) => staleUploads(f, { nowMs }),
      [
        file(`build-${A}.tar.gz`, 3),
        file(`build-${B}.tar.gz`, 49),
        file(`source-${A}.tar.gz`, 3),
        file('partial-x', 1),
      ],
      [`build-${B}.tar.gz`, `source-${A}.tar.gz`],
    ],
    [
      'work directories',
      (f: never[]) => staleWork(f, { isBuilding: (id) => id === A, nowMs }),
      [file(`build-${A}`, 9), file(`build-${B}`, 2), file('git-home', 99)],
      [`build-${B}`],
    ],
    [
      'repositories',
      (f: never[]) => staleRepositories(f, { appIds: new Set([A]), nowMs }),
      [
        file(`${A}.git`, 99),
        file(`${B}.git`, 2),
        file(`${A}.git.${B}`, 2),
        file(`${A}.git.${A}`, 0),
        file('notes', 99),
      ],
      [`${B}.git`, `${A}.git.${B}`],
    ],
  ])('%s', (_what, stale, files, expected) => {
    expect(stale(files as never[])).toEqual(expected);
  });
});
