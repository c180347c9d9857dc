// Visitors of the app that nothing is done to: each request must be answered, whatever happens around it.

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Visitors {
  /** From now on for so long, what fails is not counted. */
  tolerate(ms: number): void;
  readonly requests: number;
  /** What went wrong since the last call. */
  takeFailures(): string[];
  stop(): Promise<void>;
}

const PAUSE_MS = 50;
const ANSWER_LIMIT_MS = 20_000;

/** A visitor with a kept connection and one without. */
export function startVisitors(target: { host: string; address: string; port: number }): Visitors {
  let failures: string[] = [];
  let requests = 0;
  let toleratedUntil = 0;
  let isOver = false;
  const clients = [true, false].map(async (keepAlive) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    while (!isOver) {
      const startedAt = performance.now();
      const result = await getOnce(target, agent);
      requests += 1;
      if (result !== '200' && startedAt > toleratedUntil && !isOver) {
        const kind = keepAlive ? 'kept connection' : 'own connection';
        failures.push(`${new Date().toISOString()} ${kind}: ${result}`);
      }
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  });
  return {
    tolerate(ms) {
      toleratedUntil = performance.now() + ms;
    },
    get requests() {
      return requests;
    },
    takeFailures() {
      const taken = failures;
      failures = [];
      return taken;
    },
    async stop() {
      isOver = true;
      await Promise.all(clients);
    },
  };
}

async function getOnce(
  { host, address, port }: { host: string; address: string; port: number },
  agent: Agent,
): Promise<string> {
  return await new Promise((resolve) => {
    const headers = { host: `${host}:${port}` };
    const get = request({ host: address, port, agent, headers, timeout: ANSWER_LIMIT_MS }, (response) => {
      response.resume();
      response.once('error', (error) => resolve(`in the body: ${error.message}`));
      response.once('end', () => resolve(String(response.statusCode)));
    });
    get.once('timeout', () => get.destroy(new Error('no answer in time')));
    get.once('error', (error) => resolve(error.message));
    get.end();
  });
}
