// A tail of an app that says little: it outlives breaks of the connection as any other, and misses nothing.

import { expect, it } from 'vitest';
import { createApiClient } from '../../../src/cli/api-client.js';
import { followLog } from '../../../src/cli/log-session.js';
import { startApiStub } from '../../support/api-stub.js';

it('goes on after a break although no line came yet, from where the server was', async () => {
  await using stub = await startApiStub();
  stub.json('POST /apps/quiet/log-sessions', { logplex_url: `${stub.host}/logs/stream?ticket=t` }, 201);
  const asked: (string | undefined)[] = [];
  stub.on('GET /logs/stream', (request, reply) => {
    asked.push(request.headers['last-event-id']?.toString());
    reply.setHeader('content-type', 'text/event-stream');
    const isFirst = asked.length === 1;
    reply.write(isFirst ? ': heartbeat\n\nid: 41\n\n' : 'id: 42\ndata: at last\n\n', () => {
      if (isFirst) reply.destroy();
    });
  });
  const end = new AbortController();
  const signal = end.signal;
  const api = createApiClient({
    ...{ host: stub.host, authorization: undefined, version: 'test', signal },
    onWarning: () => undefined,
  });
  const query = { lines: 0, tail: true };
  for await (const event of followLog(api, { app: 'quiet', query, signal, beginMs: 0 })) {
    expect(event).toEqual({ id: '42', type: 'message', data: 'at last' });
    break;
  }
  end.abort();
  expect(asked).toEqual([undefined, '41']);
});
