// One HTTP request on a connection of its own, with any Host, as a first visitor makes it.

import { request } from 'node:http';
import { until } from './programs.mjs';

/** The status and the body; status 0 when there is no answer. */
export function get({ port, host = `127.0.0.1:${port}`, path = '/' }) {
  return new Promise((resolve) => {
    const nothing = () => resolve({ status: 0, body: '' });
    const call = request({
      host: '127.0.0.1',
      port,
      path,
      agent: false,
      headers: { host },
      timeout: 25_000,
    });
    call.once('timeout', () => call.destroy());
    call.once('error', nothing);
    call.once('response', (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk) => {
        body += chunk;
      });
      response.once('error', nothing).once('end', () => resolve({ status: response.statusCode, body }));
    });
    call.end();
  });
}

/** The body of a GET, parsed; throws unless it is JSON. `options` as of node:http. */
export function getJson(options) {
  return new Promise((resolve, reject) => {
    const call = request({ agent: false, timeout: 25_000, ...options }, async (response) => {
      try {
        let body = '';
        for await (const chunk of response.setEncoding('utf8')) body += chunk;
        resolve(JSON.parse(body));
      } catch (error) {
        reject(error);
      }
    });
    call.once('timeout', () => call.destroy(new Error('no answer')));
    call.once('error', reject);
    call.end();
  });
}

/** Waits for an answer 200 whose body has `text`. */
export async function untilAnswers(target, text = '') {
  const what = `${target.host ?? target.port} answers "${text}"`;
  const answers = async () => {
    const { status, body } = await get(target);
    return status === 200 && body.includes(text);
  };
  // Each question takes its share of the cores from what is asked about, above all where an older version answers it.
  await until(what, answers, { everyMs: 20 });
}
