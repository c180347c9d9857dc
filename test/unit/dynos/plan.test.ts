import { describe, expect, it } from 'vitest';
import type { DynoContainer, Phase } from '../../../src/dynos/dyno.js';
import { type Action, type AppState, planApp, slotKey } from '../../../src/dynos/plan.js';
import { type AppId, newId } from '../../../src/ids.js';

const appId = 'a' as unknown as AppId;
const MB = 1024 * 1024;
const COOL_OFF_MS = 1_200_000;

let serial = 0;
function container(
  name: string,
  release: number,
  phase: Phase,
  more: Partial<DynoContainer> = {},
): DynoContainer {
  const [type = '', number = ''] = name.split('.');
  return {
    containerId: `c${++serial}`,
    appId,
    type,
    number: Number(number),
    releaseVersion: release,
    memoryBytes: 512 * MB,
    restarts: 1,
    createdAt: 1000,
    isRunning: true,
    phase,
    ip: '10.0.0.2',
    ...more,
  };
}

function state(quantities: Record<string, number>, more: Partial<AppState> = {}): AppState {
  return {
    appId,
    releaseVersion: 2,
    formation: Object.entries(quantities).map(([type, quantity]) => ({
      type,
      quantity,
      size: '512M',
      memoryBytes: 512 * MB,
      command: 'run',
    })),
    isAsleep: false,
    wishes: [],
    crashes: [],
    containers: [],
    starting: new Set(),
    waiting: [],
    nowMs: 100_000,
    coolOffMs: COOL_OFF_MS,
    ...more,
  };
}

function tell(action: Action): string {
  switch (action.kind) {
    case 'start':
      return `start ${action.slot.type}.${action.slot.number} v${action.slot.releaseVersion}`;
    case 'abandon':
      return `abandon ${action.slot.type}.${action.slot.number} v${action.slot.releaseVersion}`;
    case 'stop':
      return `stop ${action.container.type}.${action.container.number} v${action.container.releaseVersion} ${action.why}`;
    case 'condemn':
      return `condemn ${action.container.type}.${action.container.number} ${action.verdict.kind}`;
    case 'bury':
      return `bury ${action.container.type}.${action.container.number} v${action.container.releaseVersion}${action.isCurrent ? '' : ' old'}`;
  }
}

function actionsOf(input: AppState): string[] {
  return planApp(input).actions.map(tell).sort();
}

const crash = (count: number, release = 2, lastAt = 100_000) => [
  {
    type: 'web',
    number: 1,
    releaseVersion: release,
    count,
    lastAt,
    kind: 'crashed' as const,
    reason: 'Process exited with status 1',
  },
];

const verdict = { kind: 'check-failed', reason: 'Liveness check failed' } as const;

const place = (type: string, number: number, releaseVersion = 2, memoryBytes = 512 * MB) => ({
  appId,
  type,
  number,
  releaseVersion,
  memoryBytes,
});
/** The last two are wanted for `web=2`. */
const waiting = [
  place('clock', 1),
  place('web', 1, 1),
  place('web', 1, 2, 256 * MB),
  place('web', 2),
  place('web', 1),
];

describe('planApp', () => {
  const cases: [string, AppState, string[]][] = [
    [
      'starts what the formation asks for',
      state({ web: 2, worker: 1 }),
      ['start web.1 v2', 'start web.2 v2', 'start worker.1 v2'],
    ],
    [
      'stops the web dynos of a sleeping app, and no other',
      state(
        { web: 2, worker: 1 },
        {
          isAsleep: true,
          containers: [
            container('web.1', 2, 'up'),
            container('web.2', 2, 'up'),
            container('worker.1', 2, 'up'),
          ],
        },
      ),
      ['stop web.1 v2 idle', 'stop web.2 v2 idle'],
    ],
    ['starts nothing without code', state({ web: 1 }, { releaseVersion: undefined }), []],
    ['leaves what is right alone', state({ web: 1 }, { containers: [container('web.1', 2, 'up')] }), []],
    [
      'does not start twice what is being started',
      state(
        { web: 1 },
        {
          starting: new Set([slotKey({ appId, type: 'web', number: 1, releaseVersion: 2 })]),
        },
      ),
      [],
    ],
    [
      'gives up starts that wait and are wanted no more: another release, size, number, type',
      state(
        { web: 1 },
        {
          starting: new Set(waiting.map(slotKey)),
          waiting,
        },
      ),
      ['abandon clock.1 v2', 'abandon web.1 v1', 'abandon web.1 v2', 'abandon web.2 v2'],
    ],
    [
      'gives up no start that is wanted',
      state({ web: 2 }, { starting: new Set(waiting.map(slotKey)), waiting: waiting.slice(3) }),
      [],
    ],
    [
      'starts what only another app is starting',
      state(
        { web: 1 },
        {
          starting: new Set([slotKey({ appId: newId<AppId>(), type: 'web', number: 1, releaseVersion: 2 })]),
        },
      ),
      ['start web.1 v2'],
    ],
    [
      'starts the new web dyno beside the old one',
      state({ web: 1 }, { containers: [container('web.1', 1, 'up')] }),
      ['start web.1 v2'],
    ],
    [
      'keeps the old web dyno while the new one starts',
      state({ web: 1 }, { containers: [container('web.1', 1, 'up'), container('web.1', 2, 'starting')] }),
      [],
    ],
    [
      'stops the old web dyno once the new one is up',
      state({ web: 1 }, { containers: [container('web.1', 1, 'up'), container('web.1', 2, 'up')] }),
      ['stop web.1 v1 replaced'],
    ],
    [
      'ends a condemned dyno before it starts another',
      state({ web: 1 }, { containers: [container('web.1', 2, 'up', { verdict })] }),
      ['condemn web.1 check-failed'],
    ],
    [
      'starts the next web dyno while the condemned one ends',
      state({ web: 1 }, { containers: [container('web.1', 2, 'stopping', { verdict })] }),
      ['start web.1 v2'],
    ],
    [
      'keeps the old web dyno when the new one is condemned',
      state(
        { web: 1 },
        { containers: [container('web.1', 1, 'up'), container('web.1', 2, 'up', { verdict })] },
      ),
      ['condemn web.1 check-failed'],
    ],
    [
      'keeps old workers until every web dyno is up',
      state(
        { web: 2, worker: 1 },
        {
          containers: [
            container('web.1', 2, 'up'),
            container('web.2', 2, 'starting'),
            container('worker.1', 1, 'up'),
          ],
        },
      ),
      [],
    ],
    [
      'restarts and resizes workers of this release although web is down',
      state(
        { web: 1, worker: 2 },
        {
          crashes: crash(3),
          wishes: [{ type: 'worker', number: 1, restarts: 2, stopped: false }],
          containers: [
            container('worker.1', 2, 'up'),
            container('worker.2', 2, 'up', { memoryBytes: 64 * MB }),
          ],
        },
      ),
      ['stop worker.1 v2 replaced', 'stop worker.2 v2 replaced'],
    ],
    [
      'stops the old worker before it starts the new one',
      state({ worker: 1 }, { containers: [container('worker.1', 1, 'up')] }),
      ['stop worker.1 v1 replaced'],
    ],
    [
      'waits with a worker until its place is empty',
      state({ worker: 1 }, { containers: [container('worker.1', 1, 'stopping')] }),
      [],
    ],
    [
      'stops what the formation no longer asks for',
      state(
        { web: 1 },
        {
          containers: [
            container('web.1', 2, 'up'),
            container('web.2', 2, 'up'),
            container('clock.1', 2, 'up'),
          ],
        },
      ),
      ['stop clock.1 v2 scaled-down', 'stop web.2 v2 scaled-down'],
    ],
    [
      'stops a second copy',
      state({ web: 1 }, { containers: [container('web.1', 2, 'up'), container('web.1', 2, 'starting')] }),
      ['stop web.1 v2 surplus'],
    ],
    [
      'replaces a dyno that was made before its newest restart was asked for',
      state(
        { web: 1 },
        {
          containers: [container('web.1', 2, 'up')],
          wishes: [{ type: 'web', number: 1, restarts: 2, stopped: false }],
        },
      ),
      ['start web.1 v2'],
    ],
    [
      'leaves one that was made for its newest restart',
      state(
        { web: 1 },
        {
          containers: [container('web.1', 2, 'up')],
          wishes: [{ type: 'web', number: 1, restarts: 1, stopped: false }],
        },
      ),
      [],
    ],
    [
      'replaces a dyno of another size',
      state({ web: 1 }, { containers: [container('web.1', 2, 'up', { memoryBytes: MB })] }),
      ['start web.1 v2'],
    ],
    [
      'stops a dyno that a user stopped, and does not start it',
      state(
        { web: 2 },
        {
          containers: [container('web.1', 2, 'up'), container('web.2', 2, 'up')],
          wishes: [{ type: 'web', number: 2, restarts: 0, stopped: true }],
        },
      ),
      ['stop web.2 v2 stopped-by-user'],
    ],
    [
      'buries what ended by itself before it starts another',
      state({ web: 1 }, { containers: [container('web.1', 2, 'up', { isRunning: false })] }),
      ['bury web.1 v2'],
    ],
    [
      'buries an old one that ended',
      state(
        { web: 1 },
        { containers: [container('web.1', 1, 'up', { isRunning: false }), container('web.1', 2, 'up')] },
      ),
      ['bury web.1 v1 old'],
    ],
    [
      'buries uncounted what ended while its app sleeps: an earlier daemon stopped it',
      state(
        { web: 1 },
        { isAsleep: true, containers: [container('web.1', 2, 'starting', { isRunning: false })] },
      ),
      ['bury web.1 v2 old'],
    ],
    [
      'buries uncounted what ended at a place that is not wanted any more',
      state({ web: 0 }, { containers: [container('web.1', 2, 'starting', { isRunning: false })] }),
      ['bury web.1 v2 old'],
    ],
    [
      'leaves one that is being stopped to its stop',
      state({}, { containers: [container('web.1', 2, 'stopping', { isRunning: false })] }),
      [],
    ],
    [
      'waits for the crash of one that has ended to be counted',
      state({ web: 1 }, { containers: [container('web.1', 2, 'stopping', { isRunning: false })] }),
      [],
    ],
    [
      'fills the place of one that has ended while it is being removed',
      state(
        { web: 1 },
        { containers: [container('web.1', 2, 'stopping', { isRunning: false, isOver: true })] },
      ),
      ['start web.1 v2'],
    ],
    [
      'starts again at once after a first crash',
      state({ web: 1 }, { crashes: crash(1) }),
      ['start web.1 v2'],
    ],
    ['waits after a second crash', state({ web: 1 }, { crashes: crash(2) }), []],
    [
      'a crash of an older release does not count',
      state({ web: 1 }, { crashes: crash(5, 1) }),
      ['start web.1 v2'],
    ],
    [
      'a crashed new release leaves the old dyno alone',
      state(
        { web: 1, worker: 1 },
        { crashes: crash(3), containers: [container('web.1', 1, 'up'), container('worker.1', 1, 'up')] },
      ),
      [],
    ],
  ];
  it.each(cases)('%s', (_name, input, expected) => {
    expect(actionsOf(input)).toEqual(expected);
  });

  it('says when a crashed dyno is tried again', () => {
    expect(planApp(state({ web: 1 }, { crashes: crash(2) })).nextLookAt).toBe(100_000 + COOL_OFF_MS);
    expect(planApp(state({ web: 1 }, { crashes: crash(4) })).nextLookAt).toBe(100_000 + 4 * COOL_OFF_MS);
    expect(planApp(state({ web: 1 })).nextLookAt).toBeUndefined();
  });
});

describe('dynos that are old', () => {
  const cycling = (more: Partial<AppState> = {}) => state({}, { nowMs: 100_000, cycleMs: 50_000, ...more });
  const old = (name: string, phase: Phase = 'up') =>
    container(name, 2, phase, { containerId: '00000000abc', createdAt: 40_000 });
  const plan = (
    quantities: Record<string, number>,
    containers: DynoContainer[],
    more: Partial<AppState> = {},
  ) => planApp({ ...cycling(more), formation: state(quantities).formation, containers }).actions.map(tell);

  it.each<[string, string[], Record<string, number>, DynoContainer[], Partial<AppState>]>([
    ['stay without cycling', [], { web: 1 }, [old('web.1')], { cycleMs: undefined }],
    ['stay while young', [], { web: 1 }, [container('web.1', 2, 'up', { createdAt: 60_000 })], {}],
    ['web: the next one starts first', ['start web.1 v2'], { web: 1 }, [old('web.1')], {}],
    [
      'web: waits for it',
      [],
      { web: 1 },
      [old('web.1'), container('web.1', 2, 'starting', { createdAt: 99_000 })],
      {},
    ],
    [
      'web: the old one goes when the next is up',
      ['stop web.1 v2 cycled'],
      { web: 1 },
      [old('web.1'), container('web.1', 2, 'up', { createdAt: 99_000 })],
      {},
    ],
    [
      'other types: the old one goes first',
      ['stop worker.1 v2 cycled'],
      { worker: 1 },
      [old('worker.1')],
      {},
    ],
  ])('%s', (_, actions, quantities, containers, more) => {
    expect(plan(quantities, containers, more)).toEqual(actions);
  });

  it('do not all go at once', () => {
    const late = container('web.2', 2, 'up', { containerId: 'ffffffff0', createdAt: 48_000 });
    const early = container('web.1', 2, 'up', { containerId: '00000000f', createdAt: 48_000 });
    expect(plan({ web: 2 }, [early, late])).toEqual(['start web.1 v2']);
    expect(plan({ web: 2 }, [early, late], { nowMs: 106_000 })).toEqual(['start web.1 v2', 'start web.2 v2']);
  });
});
