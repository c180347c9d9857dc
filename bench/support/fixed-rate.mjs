// Requests at a fixed rate over keep-alive connections: each begins on time, whether or not those before have their
// answers.

import { Agent, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Asks `target` for `seconds`. `callOf(number)` may give another path, method, headers and body of one request. Gives p50, p99
 * and the longest time in ms, and how many were not answered 2xx.
 */
export async function askAtRate(target, { rate, seconds, connections, callOf = () => ({}) }) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { port, host, path } = target;
  const took = [];
  let failed = 0;
  const all = [];
  const beginning = performance.now();
  for (let number = 0; number < rate * seconds; number += 1) {
    const due = beginning + (number * 1000) / rate;
    const pause = due - performance.now();
    if (pause > 0) await sleep(pause);
    const begun = performance.now();
    all.push(
      ask({ agent, port, path, ...callOf(number) }, host).then(
        () => took.push(performance.now() - begun),
        () => {
          failed += 1;
        },
      ),
    );
  }
  await Promise.all(all);
  agent.destroy();
  took.sort((a, b) => a - b);
  const at = (share) => took[Math.min(took.length - 1, Math.floor(took.length * share))];
  return { p50: at(0.5), p99: at(0.99), max: took.at(-1), failed };
}

function ask({ body, headers, ...options }, host) {
  return new Promise((resolve, reject) => {
    const call = request(
      { host: '127.0.0.1', ...options, headers: { ...headers, host }, timeout: 25_000 },
      (response) => {
        response.resume().once('end', () => {
          if (response.statusCode < 300) resolve();
          else reject(new Error(String(response.statusCode)));
        });
      },
    );
    call.once('timeout', () => call.destroy(new Error('no answer'))).once('error', reject);
    call.end(body);
  });
}
