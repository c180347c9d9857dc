// Visitors of an app that nothing is done to, and of one that is operated on. excuses.ts says which requests may fail.

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Failure } from './excuses.js';

export interface Visitors {
  /** Requests answered so far, by app. */
  readonly requests: Readonly<Record<string, number>>;
  /** What went wrong since the last call. */
  takeFailures(): Failure[];
  stop(): Promise<void>;
}

const PAUSE_MS = 50;
const ANSWER_LIMIT_MS = 20_000;

/** For each app a visitor with a kept connection and one without. */
export function startVisitors(target: { apps: readonly string[]; address: string; port: number }): Visitors {
  let failures: Failure[] = [];
  const requests: Record<string, number> = Object.fromEntries(target.apps.map((app) => [app, 0]));
  let isOver = false;
  const visit = async (app: string, keepAlive: boolean) => {
    const agent = new Agent({ keepAlive, maxSockets: 1 });
    const visitor = keepAlive ? 'kept connection' : 'own connection';
    while (!isOver) {
      const from = performance.now();
      const result = await getOnce({ ...target, host: `${app}.localhost` }, agent);
      requests[app] = (requests[app] ?? 0) + 1;
      if (result !== '200' && !isOver) {
        const text = `${new Date().toISOString()} ${app}, ${visitor}: ${result}`;
        failures.push({ app, visitor, from, until: performance.now(), text });
      }
      await sleep(PAUSE_MS);
    }
    agent.destroy();
  };
  const clients = target.apps.flatMap((app) => [visit(app, true), visit(app, false)]);
  return {
    requests,
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
