import { describe, expect, it } from 'vitest';
import { createSeenEnds } from '../../../src/dynos/seen-ends.js';
import type { Container, ContainerEvent } from '../../../src/engine/engine.js';

describe('a container whose end was told', () => {
  const container = (state: Container['state']) => ({ id: 'c1', state }) as Container;
  const event = (kind: ContainerEvent['kind']): ContainerEvent => ({
    kind,
    containerId: 'c1',
    labels: {},
    exitCode: undefined,
  });

  it.each<[string, ContainerEvent['kind'][], Container['state'], Container['state']]>([
    ['runs while nothing is told', [], 'running', 'running'],
    ['has ended, though the list is behind', ['die'], 'running', 'exited'],
    ['is told of other things', ['oom', 'start'], 'running', 'running'],
    ['was started again', ['die', 'start'], 'running', 'running'],
    ['stays what else it is', ['die'], 'paused', 'paused'],
  ])('%s', (_, events, listed, state) => {
    const ends = createSeenEnds();
    for (const kind of events) ends.onEvent(event(kind));
    expect(ends.apply(container(listed)).state).toBe(state);
  });
});
