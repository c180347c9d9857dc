import { describe, expect, it } from 'vitest';
import { isSecretName, Redactor, redaction } from '../../../src/platform/redact.js';

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
  ['a short secret', { DB_PASS: 'root' }, ['as root'], 'as [hidden]'],
  ['no shorter secret', { DB_PASS: 'abc' }, ['as abc'], 'as abc'],
  ['no usual value of a secret name', { USE_TOKEN: 'true' }, ['true'], 'true'],
  [
    'a password in an address',
    { DATABASE_URL: 'postgres://u:pw12@db/x' },
    ['u with pw12'],
    'u with [hidden]',
  ],
  ['an encoded password', { URL: 'amqp://u:a%2Fb%40@mq' }, ['a/b@ or a%2Fb%40'], '[hidden] or [hidden]'],
  ['a password without a user', { R: 'redis://:pass1@cache:6379' }, ['auth pass1'], 'auth [hidden]'],
  ['a token as the user', { R: 'https://abcd1234@host/x' }, ['by abcd1234'], 'by [hidden]'],
  ['no user', { R: 'postgres://app:pw12@db/x' }, ['app'], 'app'],
  ['no address without credentials in part', { R: 'https://example.test/a:b' }, ['a:b@'], 'a:b@'],
  ['a value as JSON writes it', { A: 'back\\slash"12' }, ['{"a":"back\\\\slash\\"12"}'], '{"a":"[hidden]"}'],
])('hides %s', (_what, config, pieces, shown) => {
  expect(redact(config, ...pieces)).toBe(shown);
});

it('keeps no more back than a value could need', () => {
  expect(new Redactor({ A: 'canary-12' }).push('progress 10%')).toBe('progress 10%');
});

describe('redaction', () => {
  it('hides the values of several configs, with their names', () => {
    const hide = redaction({ API_KEY: 'old1' }, { API_KEY: 'new2', MODE: 'plain' });
    expect(hide('old1 new2 plain')).toBe('[hidden] [hidden] plain');
    expect(hide('old1 new2 plain')).toBe('[hidden] [hidden] plain');
  });

  it('hides the beginning of a value where a text was cut', () => {
    const hide = redaction({ A: 'canary-12' });
    expect(hide('it said canary-…')).toBe('it said [hidden]…');
    expect(hide('it said ca…')).toBe('it said ca…');
    expect(hide('it said canary-12…')).toBe('it said [hidden]…');
    expect(hide('it said no…')).toBe('it said no…');
  });
});

it.each([
  ['API_KEY', true],
  ['SECRET_KEY_BASE', true],
  ['dbPassword', true],
  ['PGPASSWORD', true],
  ['GH_TOKENS', true],
  ['aws.secret', true],
  ['DB_PASS', true],
  ['LOG_LEVEL', false],
  ['PASSENGER_COUNT', false],
  ['KEYCLOAK_HOST', false],
  ['TOKENIZER', false],
])('%s has the name of a secret: %s', (name, expected) => {
  expect(isSecretName(name)).toBe(expected);
});
