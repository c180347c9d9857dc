import { describe, expect, test } from 'vitest';
import { parseAccessLine } from '../../../src/router/access-log.js';
import { AccessLogReader, type AppAccess } from '../../../src/router/access-log-reader.js';
import { type AccessLineFields, accessLine } from '../../support/access-line.js';

const APP = '6c1c9d2a-0b0c-4b4e-9c59-0d8f7d5b2a11';
const OTHER = '015762b0-bbc3-4176-865c-0ad8f6732159';
const PATH = '/a/b?c=d%20e';
const line = (changes: AccessLineFields = {}) => accessLine({ app: APP, path: PATH, ...changes });

const CASES = [
  line(),
  line({ app: OTHER, status: '404', Tw: '12', Tc: '0', Ta: '12' }),
  line({ app: OTHER, tls: '1', client: '::1' }),
  line({ TR: '-1', Tw: '-1', Ta: '0', Tc: '0', Tr: '0' }),
  line({ app: '-' }),
  line({ app: '-', server: '<NOSRV>', code: '-' }),
  line({ code: 'H80', end: 'LR', status: '503', server: '<NOSRV>', Tc: '-1', Tr: '-1' }),
  line({ end: 'sH', status: '504', Ta: '30003', Tr: '-1' }),
  line({ end: 'CD', bytes: '3' }),
  line({ end: 'CH', status: '-1', Tr: '-1' }),
  line({ status: '101' }),
  line({ status: '-1', Tr: '-1', Ta: '-1' }),
  line({ version: 'HTTP/2.0' }),
  line({ version: 'HTTP/1.0' }),
  line({ server: 'web-api.12-0123456789ab' }),
  line({ server: 'plain' }),
  line({ server: '-plain' }),
  line({ path: '/a#22b\\' }),
  line({ path: '/"' }),
  line({ path: '*' }),
  line({ path: 'http://evil.test/x' }),
  line({ path: `/${'a'.repeat(2047)}` }),
  line({ path: `/${'a'.repeat(2048)}` }),
  line({ path: '/#C3#A9' }),
  line({ path: '/ü' }),
  line({ path: '/two words' }),
  line({ method: 'M'.repeat(32) }),
  line({ method: 'M'.repeat(33) }),
  line({ host: '-' }),
  line({ prefix: 'paas1' }),
  line({ prefix: 'paas22' }),
  line().slice(0, 60),
  line().slice(0, -PATH.length),
  line().slice(0, -PATH.length - 1),
  'Proxy http stopped (cumulated conns: FE: 3, BE: 0).',
  '',
  'paas2',
];

/** What the lines say, one by one. */
function expected(lines: readonly string[]) {
  const apps = new Map<
    string,
    { text: string; lineCount: number; reached: number; classes: number[]; firstByteMs: number[] }
  >();
  for (const one of lines) {
    const parsed = parseAccessLine(Buffer.from(one).toString('latin1'));
    if (parsed === undefined) continue;
    const { appId, text, reachedDyno, firstByteMs, status } = parsed;
    const app = apps.get(appId) ?? {
      text: '',
      lineCount: 0,
      reached: 0,
      classes: [0, 0, 0, 0, 0],
      firstByteMs: [],
    };
    apps.set(appId, app);
    app.text += `${text}\n`;
    app.lineCount += 1;
    if (reachedDyno) app.reached += 1;
    const place = Math.floor(status / 100) - 1;
    if (place >= 0) app.classes[place] = (app.classes[place] ?? 0) + 1;
    if (firstByteMs !== undefined) app.firstByteMs.push(firstByteMs);
  }
  return Object.fromEntries(apps);
}

function together(batches: readonly AppAccess[]) {
  const apps: Record<string, unknown> = {};
  for (const { appId, text, ...rest } of batches) apps[appId] = { ...rest, text: text.toString() };
  return apps;
}

function readAll(text: string, pieceSize = text.length) {
  const reader = new AccessLogReader();
  const source = Buffer.from(text);
  const bytes = Buffer.alloc(64 * 1024);
  let rest = 0;
  const batches: AppAccess[] = [];
  for (let at = 0; at < source.length; at += pieceSize) {
    const size = source.copy(bytes, rest, at, Math.min(source.length, at + pieceSize));
    const { batch, taken } = reader.read(bytes, rest + size);
    bytes.copyWithin(0, taken, rest + size);
    rest += size - taken;
    batches.push(...batch);
  }
  return batches;
}

describe('AccessLogReader', () => {
  test.each(CASES.map((text) => [text]))('reads as parseAccessLine does: %s', (text) => {
    expect(together(readAll(`${text}\n`))).toEqual(expected([text]));
  });

  test('reads many lines of several apps at once', () => {
    const lines = Array.from({ length: 2000 }, (_, index) => CASES[(index * 7) % CASES.length] ?? '');
    const bytes = Buffer.from(`${lines.join('\n')}\n`);
    expect(together(new AccessLogReader().read(bytes, bytes.length).batch)).toEqual(expected(lines));
  });

  test('takes lines up that come in pieces, and leaves the beginning of one', () => {
    const lines = CASES.filter((_, index) => index < 12);
    for (const size of [1, 7, 150, 1000]) {
      const text = readAll(`${lines.join('\n')}\n${line()}`, size)
        .filter(({ appId }) => appId === APP)
        .map((app) => app.text.toString())
        .join('');
      expect(text).toBe(expected(lines)[APP]?.text);
    }
  });

  test('gives up on bytes that are no line', () => {
    const reader = new AccessLogReader();
    expect(reader.read(Buffer.alloc(9000, 'x'), 9000)).toEqual({ batch: [], taken: 9000 });
  });

  test('gives each look texts of its own', () => {
    const reader = new AccessLogReader();
    const read = (text: string) => reader.read(Buffer.from(text), Buffer.byteLength(text)).batch;
    const [first] = read(`${line()}\n`);
    const before = first?.text.toString();
    read(`${line({ path: '/other' })}\n`);
    expect(first?.text.toString()).toBe(before);
    expect(first?.firstByteMs).toHaveLength(1);
  });
});
