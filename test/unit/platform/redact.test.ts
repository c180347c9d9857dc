import { expect, it } from 'vitest';
import { Redactor } from '../../../src/platform/redact.js';

function redact(config: Record<string, string>, ...pieces: string[]): string {
  const redactor = new Redactor(config);
  return pieces.map((piece) => redactor.push(piece)).join('') + redactor.end();
}

it.each<[string, Record<string, string>, string[], string]>([
  ['a value', { A: 'canary-12' }, ['x canary-12 y canary-12'], 'x [hidden] y [hidden]'],
  ['a value in pieces', { A: 'canary-12' }, ['x can', 'ary', '-12 y'], 'x [hidden] y'],
  ['a beginning only', { A: 'canary-12' }, ['x can', 'non'], 'x cannon'],
  ['the longer of two', { A: 'canary-12', B: 'canary-12-long' }, ['canary-12-long'], '[hidden]'],
  ['special characters', { A: 'a.*(b)[c]$' }, ['a.*(b)[c]$ axxb'], '[hidden] axxb'],
  ['lines of a key', { A: 'BEGIN KEY\nabcdefgh1234\n' }, ['> abcdefgh1234'], '> [hidden]'],
  ['no short value', { A: '1234567' }, ['1234567'], '1234567'],
  ['no usual value', { NODE_ENV: 'production' }, ['in production'], 'in production'],
  ['nothing without config', {}, ['text'], 'text'],
])('hides %s', (_what, config, pieces, shown) => {
  expect(redact(config, ...pieces)).toBe(shown);
});

it('keeps no more back than a value could need', () => {
  expect(new Redactor({ A: 'canary-12' }).push('progress 10%')).toBe('progress 10%');
});
