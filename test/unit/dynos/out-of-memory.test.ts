import { expect, it, vi } from 'vitest';
import { createOutOfMemory } from '../../../src/dynos/out-of-memory.js';
import { LABEL } from '../../../src/engine/container-spec.js';
import type { ContainerDetails, ContainerEvent } from '../../../src/engine/engine.js';
import { createLogger } from '../../../src/log.js';
import { addApp, openTestDatabase } from '../../support/test-database.js';

it('tells of a child that was killed also after the clock was set back', async () => {
  using test = openTestDatabase();
  const { app } = addApp(test.db);
  const lines: string[] = [];
  const outOfMemory = createOutOfMemory({
    db: test.db,
    engine: { inspectContainer: async () => ({ state: 'running' }) as ContainerDetails },
    dynoLog: {
      attach: async () => undefined,
      platform: (_app, _process, text) => void lines.push(text),
    },
    log: createLogger({ level: 'silent', isTty: false, name: 'test' }),
    signal: new AbortController().signal,
  });
  const labels = {
    [LABEL.app]: app.id,
    [LABEL.type]: 'web',
    [LABEL.number]: '1',
    [LABEL.release]: '2',
    [LABEL.memory]: String(64 * 1024 ** 2),
  };
  const event: ContainerEvent = { kind: 'oom', containerId: 'c1', labels, exitCode: undefined };
  outOfMemory.onEvent(event);
  test.advance(1000);
  outOfMemory.onEvent(event);
  test.advance(-3_600_000);
  outOfMemory.onEvent(event);
  await vi.waitUntil(() => lines.length === 2, { timeout: 10_000 });
  expect(lines[0]).toContain('Error R15');
});
