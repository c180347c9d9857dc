import type Docker from 'dockerode';
import { expect, it } from 'vitest';
import { createRowReader, toContainer } from '../../../src/engine/container-rows.js';

function row(id: string, changes: Record<string, unknown> = {}): Docker.ContainerInfo {
  const known = {
    Id: id,
    Names: [`/paas-${id}`],
    ImageID: 'sha256:1',
    Command: 'sh',
    Created: 1,
    Labels: { 'paas.app': 'a', 'paas.build': '' },
    State: 'running',
    Status: 'Up 1 second',
    NetworkSettings: { Networks: { own: { IPAddress: '10.0.0.2' } } },
  };
  return { ...known, ...changes } as never;
}

it('gives the same container as long as it is as it was', () => {
  const read = createRowReader();
  const [before] = read([row('a')]);
  expect(before).toEqual(toContainer(row('a')));
  expect(read([row('a', { Status: 'Up 2 minutes' })])[0]).toBe(before);
});

it.each([
  ['state', { State: 'exited' }],
  ['name', { Names: ['/renamed'] }],
  ['address', { NetworkSettings: { Networks: { own: { IPAddress: '10.0.0.3' } } } }],
  ['network', { NetworkSettings: { Networks: {} } }],
  ['unknown state', { State: 'new' }],
])('reads one with another %s anew', (_, changes) => {
  const read = createRowReader();
  read([row('a'), row('b')]);
  expect(read([row('b'), row('a', changes)])).toEqual([
    toContainer(row('b')),
    toContainer(row('a', changes)),
  ]);
});

it('forgets what is not listed any more', () => {
  const read = createRowReader();
  const [before] = read([row('a')]);
  expect(read([])).toEqual([]);
  expect(read([row('a')])[0]).not.toBe(before);
});
