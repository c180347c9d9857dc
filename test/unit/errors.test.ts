import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ERROR_STATUS, shortageOf } from '../../src/errors.js';

describe('docs/errors.md', () => {
  const text = readFileSync(new URL('../../docs/errors.md', import.meta.url), 'utf8');
  const rows = [...text.matchAll(/^\| `(\w+)` \| (\d{3}) \| (.+) \| (.+) \|$/gm)];

  it('has every error id with its status, and no other', () => {
    const documented = Object.fromEntries(rows.map(([, id, status]) => [id, Number(status)]));
    expect(documented).toEqual(ERROR_STATUS);
  });

  it('says what to do about each', () => {
    for (const [, id, , cause, remedy] of rows) {
      expect([id, (cause ?? '').length > 10, (remedy ?? '').length > 5]).toEqual([id, true, true]);
    }
  });
});

it('finds a shortage among the causes of an error, and nothing else', () => {
  const eagain = Object.assign(new Error('spawn git EAGAIN'), { code: 'EAGAIN' });
  expect(shortageOf(new Error('git ended', { cause: eagain }))?.id).toBe('service_unavailable');
  expect(shortageOf(Object.assign(new Error('no'), { code: 'ENOENT' }))).toBeUndefined();
  expect(shortageOf('EAGAIN')).toBeUndefined();
});
