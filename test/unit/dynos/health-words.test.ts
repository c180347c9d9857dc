import { describe, expect, it } from 'vitest';
import { bootTimeoutReason } from '../../../src/dynos/await-up.js';
import { describeListening, listensOn, parseListening } from '../../../src/dynos/listening.js';
import { unhealthyReason } from '../../../src/dynos/liveness.js';
import { parseState } from '../../../src/engine/process-tree.js';
import { applySettings, DEFAULT_CHECK } from '../../../src/platform/check.js';
import type { Evidence } from '../../../src/platform/incidents.js';

const PORT = DEFAULT_CHECK;
const HTTP = applySettings(DEFAULT_CHECK, { path: '/health' });
const COMMAND = applySettings(DEFAULT_CHECK, { command: 'bin/ok' });

describe('R10', () => {
  it.each([
    [
      'listens on another port',
      { check: PORT, said: 'refused the connection', evidence: { listening: ['0.0.0.0:3000'] } },
      'Web process failed to bind to $PORT within 60 seconds of launch: it listened on 0.0.0.0:3000 instead of 0.0.0.0:$PORT (5000)',
    ],
    [
      'listens for itself only',
      { check: HTTP, said: 'refused the connection', evidence: { listening: ['127.0.0.1:5000'] } },
      'Web process failed to bind to $PORT within 60 seconds of launch: it listened on 127.0.0.1:5000 instead of 0.0.0.0:$PORT (5000)',
    ],
    [
      'listens nowhere',
      { check: PORT, said: 'refused the connection', evidence: { listening: [] } },
      'Web process failed to bind to $PORT within 60 seconds of launch: it listened on no port at all; it must listen on 0.0.0.0:$PORT (5000)',
    ],
    [
      'answers wrongly',
      {
        check: HTTP,
        said: 'answered 500, not 200-399',
        evidence: { listening: ['0.0.0.0:5000'], body: 'no db' },
      },
      'Web process failed its startup check within 60 seconds of launch: GET /health on port 5000: it answered 500, not 200-399: "no db"',
    ],
    [
      'fails its command',
      { check: COMMAND, said: 'ended with 1', evidence: { output: '' } },
      'Web process failed its startup check within 60 seconds of launch: command `bin/ok`: it ended with 1',
    ],
  ])('tells of a process that %s', (_, failure, expected) => {
    const reason = bootTimeoutReason({ dyno: { type: 'web' }, failure, limitMs: 60_000 });
    expect(reason).toBe(`Error R10 (Boot timeout) -> ${expected}`);
  });

  it('tells of times that are no whole seconds', () => {
    const failure = { check: COMMAND, said: 'ended with 1', evidence: {} };
    expect(bootTimeoutReason({ dyno: { type: 'worker' }, failure, limitMs: 2500 })).toContain(
      'Process failed its startup check within 2.5 seconds of launch',
    );
  });
});

describe('a failed liveness check', () => {
  it.each<[string, { asked: string; said: string; evidence: Evidence; attempts?: number }, string]>([
    [
      'a wrong status',
      {
        asked: 'GET /health on port 5000',
        said: 'answered 500, not 200-399',
        evidence: { port: 5000, body: 'no "db"', listening: ['0.0.0.0:5000'] },
      },
      'Liveness check failed, 3 times in a row: GET /health on port 5000: it answered 500, not 200-399; it said "no \\"db\\""',
    ],
    [
      'a port that moved',
      {
        asked: 'connect to port 5000',
        said: 'refused the connection',
        evidence: { port: 5000, listening: ['127.0.0.1:3000'] },
      },
      'Liveness check failed, 3 times in a row: connect to port 5000: it refused the connection; it listens on 127.0.0.1:3000, not on 0.0.0.0:5000',
    ],
    [
      'nothing that listens',
      {
        asked: 'connect to port 5000',
        said: 'refused the connection',
        evidence: { port: 5000, listening: [] },
      },
      'Liveness check failed, 3 times in a row: connect to port 5000: it refused the connection; it listens on no port at all',
    ],
    [
      'a command',
      { asked: 'command `x`', said: 'ended with 2', evidence: { output: 'stale' }, attempts: 1 },
      'Liveness check failed: command `x`: it ended with 2; it said "stale"',
    ],
  ])('tells of %s', (_, failure, expected) => {
    expect(unhealthyReason({ attempts: 3, ...failure })).toBe(`Error (Dyno unhealthy) -> ${expected}`);
  });
});

describe('listensOn', () => {
  it.each([
    [['0.0.0.0:5000'], true],
    [['[::]:5000'], true],
    [['10.213.0.10:5000'], true],
    [['127.0.0.1:5000'], false],
    [['[::1]:5000'], false],
    [['0.0.0.0:15000'], false],
    [[], false],
  ])('%j: %s', (sockets, expected) => {
    expect(listensOn(sockets, 5000)).toBe(expected);
  });
});

describe('parseListening', () => {
  it('reads addresses in the byte order of the kernel, and only listening ones', () => {
    const table = [
      '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
      '   0: 0100007F:0BB8 00000000:0000 0A 00000000:00000000 00:00000000 00000000 20000        0 1 1 0 100 0 0 10 0',
      '   1: 0B00007F:A0B1 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1 0 100 0 0 10 0',
      '   2: 0100007F:0BB8 0100007F:C350 01 00000000:00000000 00:00000000 00000000 20000        0 1 1 0 100 0 0 10 0',
      '   3: 00000000000000000000000000000000:1388 00000000000000000000000000000000:0000 0A 0 0 0 0 0 0',
    ].join('\n');
    expect(parseListening(table)).toEqual(['127.0.0.1:3000', '[::]:5000']);
  });

  it('names what listened instead', () => {
    expect(describeListening(['127.0.0.1:3000'], 5000)).toBe(
      'it listened on 127.0.0.1:3000 instead of 0.0.0.0:$PORT (5000)',
    );
    expect(describeListening([], 5000)).toContain('no port at all');
  });
});

describe('parseState', () => {
  it.each([
    ['12 (node) S 1 12 12', 'S'],
    ['12 (a) T) T 1 12', 'T'],
    ['12 (a b\n) Z 1', 'Z'],
    ['', undefined],
  ])('reads %j', (text, state) => {
    expect(parseState(text)).toBe(state);
  });
});
