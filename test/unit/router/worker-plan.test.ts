import { expect, test } from 'vitest';
import type { WantedServer } from '../../../src/router/backends.js';
import { parseProcesses } from '../../../src/router/runtime-api.js';
import {
  needsReload,
  planWorker,
  type WorkerServer,
  type WorkerTables,
} from '../../../src/router/worker-plan.js';
import {
  parseMap,
  parseServersState,
  parseSessions,
  parseUsedConnections,
} from '../../../src/router/worker-tables.js';

const DIR = '/r';
const there = (name: string, state: WorkerServer['state'] = 'ready', ip = '10.0.0.1'): WorkerServer => ({
  name,
  ip,
  port: 5000,
  state,
});
const wish = (name: string, state: WantedServer['state'] = 'ready', ip = '10.0.0.1'): WantedServer => ({
  name,
  ip,
  port: 5000,
  state,
});
const has = (servers: WorkerServer[], changes: Partial<WorkerTables> = {}): WorkerTables => ({
  fingerprint: 'f',
  backends: new Map([['app-a', servers]]),
  hosts: new Map(),
  modes: new Map(),
  ...changes,
});
const wants = (servers: WantedServer[]) => ({
  backends: new Map([['app-a', servers]]),
  hosts: new Map<string, string>(),
  modes: new Map<string, string>(),
});

test.each<[string, WorkerServer[], WantedServer[], string[], string[]]>([
  ['nothing to do', [there('x')], [wish('x')], [], []],
  [
    'a new server',
    [],
    [wish('x')],
    [
      'add server app-a/x 10.0.0.1:5000 maxconn 1000 pool-max-conn 1000 pool-purge-delay 2s',
      'set server app-a/x state ready',
    ],
    [],
  ],
  ['a server drains', [there('x')], [wish('x', 'draining')], ['set server app-a/x state drain'], []],
  [
    'a drained server is taken back',
    [there('x', 'draining')],
    [wish('x')],
    ['set server app-a/x state ready'],
    [],
  ],
  ['a draining server that is not known', [], [wish('x', 'draining')], [], []],
  [
    'a server goes',
    [there('x')],
    [],
    ['set server app-a/x state maint'],
    ['shutdown sessions server app-a/x', 'del server app-a/x'],
  ],
  [
    'a server that could not be deleted yet',
    [there('x', 'maintenance')],
    [],
    [],
    ['shutdown sessions server app-a/x', 'del server app-a/x'],
  ],
  [
    'a server moves',
    [there('x')],
    [wish('x', 'ready', '10.0.0.2')],
    ['set server app-a/x addr 10.0.0.2 port 5000'],
    [],
  ],
])('%s', (_, present, wanted, changes, deletions) => {
  expect(planWorker(has(present), wants(wanted), DIR)).toEqual({ changes, deletions });
});

test('adds servers, then changes the tables, then takes servers away', () => {
  const worker = has([there('old')], {
    hosts: new Map([
      ['gone.test', 'a'],
      ['moved.test', 'b'],
    ]),
    modes: new Map([
      ['a', 'booting'],
      ['b', 'live'],
    ]),
  });
  const plan = planWorker(
    worker,
    {
      ...wants([wish('new')]),
      hosts: new Map([
        ['moved.test', 'a'],
        ['new.test', 'a'],
      ]),
      modes: new Map([['a', 'live']]),
    },
    DIR,
  );
  expect(plan.changes).toEqual([
    'add server app-a/new 10.0.0.1:5000 maxconn 1000 pool-max-conn 1000 pool-purge-delay 2s',
    'set server app-a/new state ready',
    'set map /r/modes.map a live',
    'set map /r/hosts.map moved.test a',
    'add map /r/hosts.map new.test a',
    'del map /r/hosts.map gone.test',
    'set server app-a/old state maint',
    'del map /r/modes.map b',
  ]);
});

test('reloads for another fixed part or a backend that is not there, and for nothing else', () => {
  const rendered = { ...wants([wish('x')]), fingerprint: 'f', config: '', files: [] };
  expect(needsReload(has([]), rendered)).toBe(false);
  expect(
    needsReload(
      has([], {
        backends: new Map([
          ['app-a', []],
          ['app-gone', []],
        ]),
      }),
      rendered,
    ),
  ).toBe(false);
  expect(needsReload(has([], { fingerprint: 'g' }), rendered)).toBe(true);
  expect(needsReload(has([], { backends: new Map() }), rendered)).toBe(true);
});

test('reads what HAProxy tells', () => {
  expect(
    parseProcesses(
      '#<PID>          <type>          <reloads>\n3476            master          1 [failed: 0]   0d00h00m02s\n# workers\n3483            worker          0               0d\n# old workers\n3478            worker          1               0d\n# programs\n',
    ),
  ).toEqual({ master: 3476, worker: 3483, oldWorkers: [3478] });
  expect(() => parseProcesses('')).toThrow();
  expect(
    parseServersState(
      '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_port\n4 app-a 1 web.1-a 10.0.0.1 2 8 1 5000\n4 app-a 2 web.2-a 10.0.0.2 0 1 1 5000\n4 app-a 3 web.3-a 10.0.0.3 2 0 1 5000\n',
    ),
  ).toEqual([
    ['app-a', { name: 'web.1-a', ip: '10.0.0.1', port: 5000, state: 'draining' }],
    ['app-a', { name: 'web.2-a', ip: '10.0.0.2', port: 5000, state: 'maintenance' }],
    ['app-a', { name: 'web.3-a', ip: '10.0.0.3', port: 5000, state: 'ready' }],
  ]);
  expect(parseMap('0x55aefc4b13b0 a.test A\n0x55aefc72e5a0 b.test B\n')).toEqual(
    new Map([
      ['a.test', 'A'],
      ['b.test', 'B'],
    ]),
  );
  expect(parseSessions('# pxname,svname,qcur,qmax,scur\napp-a,web.1-a,2,5,3\n', 'web.1-a')).toBe(5);
  expect(parseSessions('# pxname,svname,qcur,qmax,scur\n', 'web.1-a')).toBe(0);
  expect(
    parseUsedConnections(
      '# bkname/svname bkid/svid addr port - purge_delay used_cur\napp-a/web.1-a 4/1 10.0.0.1 5000 - 2000 7\n',
      'app-a/web.1-a',
    ),
  ).toBe(7);
});
