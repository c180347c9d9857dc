// Load behind a fault: many clients that ask two apps all the time, and count every request that was not answered.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { rolldown } from 'rolldown';
import { eventually } from './house.js';

export interface TrafficOptions {
  readonly address: string;
  readonly port: number;
  /** Host names of the apps; clients are spread over them. The apps are of the fixture `steady`. */
  readonly hosts: readonly string[];
  /** Clients that keep their connection, and such that open one for each request. */
  readonly keepAlive: number;
  readonly oneShot: number;
  /** Requests a second, all clients together. */
  readonly perSecond: number;
  readonly path?: string;
  /** Whether each app gets a WebSocket and a streaming response of 20 s at a time. Default true. */
  readonly longLived?: boolean;
}

export interface FailedRequest {
  /** Epoch ms. */
  readonly at: number;
  readonly host: string;
  readonly client: 'keep-alive' | 'one-shot';
  readonly reason: string;
}

/** A WebSocket or streaming response that ended before its time. */
export interface Cut {
  readonly at: number;
  readonly host: string;
  readonly afterMs: number;
  readonly reason: string;
}

export interface TrafficReport {
  readonly requests: number;
  readonly failed: number;
  /** The first 200 of them. */
  readonly failures: readonly FailedRequest[];
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  readonly sockets: { readonly opened: number; readonly messages: number; readonly cuts: readonly Cut[] };
  readonly streams: { readonly completed: number; readonly cuts: readonly Cut[] };
}

export interface Traffic extends AsyncDisposable {
  /** Requests answered so far, and those of them that failed. */
  counts(): { readonly requests: number; readonly failed: number };
  /** Waits until so many more were answered. */
  served(more: number): Promise<void>;
  /** Ends it and tells everything; the same again when it has ended. */
  stop(): Promise<TrafficReport>;
}

/** What goes on during a fault. `test/faults/run --all` takes the fault matrix's own rate, `test/run` about a tenth. */
export const FAULT_LOAD =
  process.env['FAULTS_ALL'] === 'yes'
    ? { keepAlive: 24, oneShot: 24, perSecond: 500 }
    : { keepAlive: 6, oneShot: 6, perSecond: 60 };

/** Starts it in a process of its own and waits for the first answers. */
export async function startTraffic(options: TrafficOptions): Promise<Traffic> {
  const program = await compileWorker();
  const child = spawn(process.execPath, [program.path, JSON.stringify(options)], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: {},
  });
  let counts = { requests: 0, failed: 0 };
  let ended: Promise<TrafficReport> | undefined;
  const reported = readReport(child, (told) => {
    counts = told;
  });
  reported.catch(() => undefined);
  const traffic: Traffic = {
    counts: () => counts,
    async served(more) {
      const target = counts.requests + more;
      await eventually(`${more} more answers`, () => counts.requests >= target, 90_000);
    },
    stop() {
      ended ??= (async () => {
        child.stdin?.end();
        try {
          return await reported;
        } finally {
          await program.remove();
        }
      })();
      return ended;
    },
    async [Symbol.asyncDispose]() {
      await traffic.stop().catch(() => child.kill('SIGKILL'));
    },
  };
  await traffic.served(10);
  return traffic;
}

async function readReport(
  child: ChildProcess,
  onCounts: (counts: { requests: number; failed: number }) => void,
): Promise<TrafficReport> {
  if (child.stdout === null) throw new Error('the traffic program has no output');
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) {
    const message = JSON.parse(line);
    if (message.report !== undefined) {
      onCounts(message.report);
      return message.report;
    }
    onCounts(message);
  }
  throw new Error(`the traffic program ended with ${(await exited)[0]}`);
}

async function compileWorker(): Promise<{ path: string; remove: () => Promise<void> }> {
  const directory = await mkdtemp(join(tmpdir(), 'paas-traffic-'));
  const path = join(directory, 'traffic-worker.mjs');
  const bundle = await rolldown({
    input: join(import.meta.dirname, 'traffic-worker.ts'),
    platform: 'node',
    transform: { target: 'es2023' },
  });
  await bundle.write({ file: path, format: 'esm' });
  await bundle.close();
  return { path, remove: () => rm(directory, { recursive: true, force: true }) };
}
