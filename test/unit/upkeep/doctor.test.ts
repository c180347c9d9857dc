import { describe, expect, it } from 'vitest';
import { examine, formatDuration, type ServerFacts } from '../../../src/upkeep/doctor.js';
import { formatMetrics } from '../../../src/upkeep/prometheus.js';

const GB = 1024 ** 3;
const disk = {
  holds: 'data and engine' as const,
  path: '/x',
  totalBytes: 100 * GB,
  freeBytes: 50 * GB,
  floorBytes: 5 * GB,
  totalInodes: 1000,
  freeInodes: 500,
  forecast: { bytesPerDay: 0, fullInSeconds: undefined },
};
const well: ServerFacts = {
  engine: { version: '20.10.24', isLiveRestore: true, skewMs: 10 },
  isRouterUp: true,
  collector: { pid: 7, unstored: 0 },
  droppedRouterLines: 0,
  database: { damage: undefined, bytes: 1024, newestBackupAgeMs: 3600_000 },
  disks: [disk],
  consumers: [{ what: 'images of a', bytes: 2 * GB }],
  leftovers: 0,
  openFiles: { used: 50, limit: 65_536 },
  buildCpu: { kind: 'idle', group: '/builds' },
  apps: { count: 3, unhealthy: [] },
  unreadableLayers: 0,
};

describe('examine', () => {
  it('says what an engine that is away does to apps', () => {
    const [found] = examine({ ...well, engine: { error: 'gone' } });
    expect(found).toMatchObject({ check: 'engine', hint: expect.stringMatching(/one that prints waits/) });
  });

  it('finds a good server good', () => {
    const findings = examine(well);
    expect(findings.filter(({ status }) => status !== 'ok')).toEqual([]);
    expect(findings.map(({ check }) => check)).toEqual([
      ...['engine', 'live restore', 'clock', 'router', 'log collector', 'router lines', 'database', 'backup'],
      ...['disk of data and engine', 'biggest', 'leftovers', 'open files', 'builds', 'apps'],
    ]);
  });

  it.each<[string, Partial<ServerFacts>, string, string, RegExp]>([
    [
      'dropped router lines',
      { droppedRouterLines: 12 },
      'router lines',
      'warn',
      /12 lines dropped in the last day/,
    ],
    ['no engine', { engine: { error: 'gone' } }, 'engine', 'fail', /gone/],
    [
      'no live restore',
      { engine: { version: '1', isLiveRestore: false, skewMs: 0 } },
      'live restore',
      'warn',
      /ends every app/,
    ],
    [
      'a wrong clock',
      { engine: { version: '1', isLiveRestore: true, skewMs: -90_000 } },
      'clock',
      'warn',
      /90 s off/,
    ],
    [
      'a kernel without idle groups',
      { buildCpu: { kind: 'weight', reason: 'the kernel has none' } },
      'builds',
      'warn',
      /only weigh less.*the kernel has none/,
    ],
    [
      'a large cache of BuildKit',
      { consumers: [{ what: "the engine's build cache", bytes: 13 * GB }] },
      'build cache',
      'warn',
      /13 GB of Dockerfile builds/,
    ],
    ['no router', { isRouterUp: false }, 'router', 'fail', /does not run/],
    ['no collector', { collector: { error: 'no answer' } }, 'log collector', 'fail', /no answer/],
    ['lost lines', { collector: { pid: 7, unstored: 3 } }, 'log collector', 'warn', /3 lines/],
    [
      'a damaged database',
      { database: { damage: 'page 3', bytes: 1, newestBackupAgeMs: 1 } },
      'database',
      'fail',
      /page 3/,
    ],
    [
      'no backup',
      { database: { damage: undefined, bytes: 1, newestBackupAgeMs: undefined } },
      'backup',
      'warn',
      /none/,
    ],
    [
      'an old backup',
      { database: { damage: undefined, bytes: 1, newestBackupAgeMs: 9 * 86_400_000 } },
      'backup',
      'warn',
      /9 days old/,
    ],
    [
      'a low disk',
      { disks: [{ ...disk, freeBytes: GB }] },
      'disk of data and engine',
      'fail',
      /below the floor of 5.0 GB/,
    ],
    [
      'a disk that fills',
      { disks: [{ ...disk, forecast: { bytesPerDay: 1.2 * GB, fullInSeconds: 12 * 86_400 } }] },
      'disk of data and engine',
      'warn',
      /full in ~12 days at 1.2 GB\/day/,
    ],
    ['few inodes', { disks: [{ ...disk, freeInodes: 50 }] }, 'inodes of data and engine', 'warn', /5 % free/],
    ['leftovers', { leftovers: 2 }, 'leftovers', 'warn', /2 objects/],
    ['few open files', { openFiles: { used: 10, limit: 256 } }, 'open files', 'warn', /10 of 256/],
    [
      'crashed dynos',
      { apps: { count: 9, unhealthy: ['a', 'b'] } },
      'apps',
      'warn',
      /2 of 9 have crashed dynos: a, b/,
    ],
    ['unreadable layers', { unreadableLayers: 4 }, 'disk quota', 'warn', /4 containers/],
  ])('tells of %s', (_what, facts, check, status, detail) => {
    const found = examine({ ...well, ...facts }).filter((it) => it.status !== 'ok');
    expect(found).toMatchObject([{ check, status, detail: expect.stringMatching(detail) }]);
  });
});

describe('formatDuration', () => {
  it.each([
    [10, 'a minute'],
    [3600, '1 hour'],
    [40 * 60, '40 minutes'],
    [3 * 86_400, '3 days'],
  ])('%d', (seconds, text) => {
    expect(formatDuration(seconds)).toBe(text);
  });
});

describe('formatMetrics', () => {
  it('writes the exposition format, with values escaped, and leaves out what has no values', () => {
    const text = formatMetrics([
      {
        name: 'a',
        help: 'One.\nTwo.',
        type: 'gauge',
        values: [{ value: 1.5, labels: { x: 'q"\\\n', y: 'z' } }],
      },
      { name: 'b', help: 'None.', type: 'counter', values: [] },
      { name: 'c', help: 'Plain.', type: 'counter', values: [{ value: 3 }] },
    ]);
    expect(text).toBe(
      '# HELP a One.\\nTwo.\n# TYPE a gauge\na{x="q\\"\\\\\\n",y="z"} 1.5\n# HELP c Plain.\n# TYPE c counter\nc 3\n',
    );
  });
});
