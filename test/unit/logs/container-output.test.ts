import { PassThrough } from 'node:stream';
import pino from 'pino';
import { expect, it } from 'vitest';
import { ContainerOutput } from '../../../src/logs/container-output.js';
import type { OutputEngine } from '../../../src/logs/output-engine.js';
import type { ContainerProgress } from '../../../src/logs/store.js';
import { eventually } from '../../support/house.js';

type StreamName = 'stdout' | 'stderr';

const START_US = Date.parse('2026-01-31T12:00:00Z') * 1000;
const SECOND_US = 1_000_000;

/** A container of the engine: what it printed, and what of that is in the engine's file by now. */
function openContainer() {
  let nowUs = START_US;
  const file: { stream: StreamName; atUs: number; text: string }[] = [];
  const passed: string[] = [];
  const gaps: string[] = [];
  let attached: Record<StreamName, PassThrough> | undefined;
  let reads = 0;
  const engine: OutputEngine = {
    async attach() {
      const streams = { stdout: new PassThrough(), stderr: new PassThrough() };
      attached = streams;
      const close = () => {
        streams.stdout.destroy();
        streams.stderr.destroy();
      };
      return { ...streams, close };
    },
    async *readLogs(_id, { sinceMs }) {
      reads += 1;
      for (const { stream, atUs, text } of [...file]) {
        const timestamp = new Date(atUs / 1000).toISOString();
        if (atUs >= sinceMs * 1000) yield { stream, timestamp, text };
      }
    },
    containerState: async () => 'running',
  };
  const open = async (progress?: ContainerProgress) => {
    const output = new ContainerOutput({
      container: { containerId: 'c1', appId: 'a1', process: 'web.1', tty: false },
      progress,
      engine,
      nowUs: () => nowUs,
      log: pino({ level: 'silent' }),
      emit: ({ lines }) => void passed.push(...lines),
      onGap: (reason) => void gaps.push(reason),
    });
    await output.open();
    return output;
  };
  return {
    passed,
    gaps,
    open,
    write: (stream: StreamName, text: string) => void file.push({ stream, atUs: nowUs, text }),
    live: (stream: StreamName, text: string) => void attached?.[stream].write(`${text}\n`),
    wait: (seconds: number) => {
      nowUs += seconds * SECOND_US;
    },
    /** Resolves when the file has been read twice more from its beginning to its end. */
    async readAgain() {
      const target = reads + 2;
      await eventually('the file is read', () => reads >= target);
    },
  };
}

const has = (passed: readonly string[], text: string) => eventually(`"${text}"`, () => passed.includes(text));

/** Both streams were read up to the first line of each. */
async function openKnown() {
  const container = openContainer();
  const first = await container.open();
  for (const stream of ['stdout', 'stderr'] as const) {
    container.write(stream, `${stream} 1`);
    container.live(stream, `${stream} 1`);
    await has(container.passed, `${stream} 1`);
  }
  first.close();
  container.wait(1);
  return { ...container, progress: first.progress() };
}

it('keeps what reached the file of one stream after it was read, though the other one went on', async () => {
  const container = await openKnown();
  const { write, live, wait, passed, gaps } = container;
  write('stdout', 'stdout 2');
  const output = await container.open(container.progress);
  live('stdout', 'stdout 2');
  await has(passed, 'stdout 2');
  write('stderr', 'stderr 2');
  wait(10);
  live('stdout', 'stdout 3');
  await has(passed, 'stdout 3');
  write('stderr', 'stderr 3');
  live('stderr', 'stderr 3');
  await has(passed, 'stderr 3');
  output.close();
  expect(passed).toEqual(['stdout 1', 'stderr 1', 'stdout 2', 'stdout 3', 'stderr 2', 'stderr 3']);
  expect(gaps).toEqual([]);
});

it('keeps what waited for its place when the connection broke, though the other stream went on', async () => {
  const container = await openKnown();
  const { write, live, wait, passed, gaps } = container;
  write('stdout', 'stdout 2');
  const broken = await container.open(container.progress);
  live('stderr', 'stderr 2');
  live('stdout', 'stdout 2');
  await has(passed, 'stdout 2');
  write('stderr', 'stderr 2 as the file has it');
  wait(10);
  live('stdout', 'stdout 3');
  await has(passed, 'stdout 3');
  await container.readAgain();
  broken.close();
  write('stdout', 'stdout 3');
  const output = await container.open(broken.progress());
  write('stderr', 'stderr 3');
  live('stderr', 'stderr 3');
  await has(passed, 'stderr 3');
  output.close();
  expect(passed.filter((text) => text.startsWith('stderr'))).toEqual([
    'stderr 1',
    'stderr 2 as the file has it',
    'stderr 3',
  ]);
  expect(gaps).toEqual([]);
});
