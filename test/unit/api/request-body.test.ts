import { describe, expect, it } from 'vitest';
import { isOwnOrigin, readBasic } from '../../../src/api/auth.js';
import { isJson, parseObject } from '../../../src/api/request-body.js';
import { createTickets } from '../../../src/api/ticket.js';

describe('isJson', () => {
  it.each([
    ['application/json', true],
    ['Application/JSON; charset=UTF-8', true],
    ['application/vnd.heroku+json; version=3', true],
    ['application/json; charset="utf-8"', true],
    ['application/json\ta', false],
    ['application/json ;charset=utf-16', false],
    ['application/jsonp', false],
    ['text/json', false],
    ['', false],
  ])('%s', (type, expected) => {
    expect(isJson(type)).toBe(expected);
  });
});

describe('parseObject', () => {
  it.each(['', '{', '[]', 'null', '"x"', '5', '{"__proto__":1}', '{"a":{"constructor":{"prototype":{}}}}'])(
    'refuses %s',
    (text) => {
      expect(() => parseObject(text)).toThrow(expect.objectContaining({ id: 'invalid_json' }));
    },
  );

  it('takes an object', () => {
    expect(parseObject('{"a":[1,{"b":null}]}')).toEqual({ a: [1, { b: null }] });
  });
});

describe('isOwnOrigin', () => {
  it.each([
    [undefined, 'localhost:8080', true],
    ['http://localhost:8080', 'localhost:8080', true],
    ['http://localhost', 'localhost:8080', false],
    ['https://evil.test', 'localhost', false],
    ['null', 'localhost', false],
  ])('%s for %s', (origin, host, expected) => {
    expect(isOwnOrigin(origin, host)).toBe(expected);
  });
});

describe('readBasic', () => {
  it.each([
    ['user:pass:word', { user: 'user', password: 'pass:word' }],
    [':token', { user: '', password: 'token' }],
    ['nothing', undefined],
  ])('%s', (text, expected) => {
    expect(readBasic(`Basic ${Buffer.from(text).toString('base64')}`)).toEqual(expected);
  });
});

describe('tickets', () => {
  let now = 1000;
  const tickets = createTickets({ key: Buffer.alloc(32, 1), now: () => now });
  const text = tickets.issue('log-stream', { app: 'a' }, 500);

  it('open for their purpose and time only, and only as they were issued', () => {
    expect(tickets.open('log-stream', text)).toMatchObject({ app: 'a' });
    const refused = expect.objectContaining({ id: 'forbidden' });
    expect(() => tickets.open('source', text)).toThrow(refused);
    expect(() =>
      createTickets({ key: Buffer.alloc(32, 2), now: () => now }).open('log-stream', text),
    ).toThrow(refused);
    for (const bad of ['', '.', 'a.b', `x${text}`, `${text.split('.')[0]}.`]) {
      expect(() => tickets.open('log-stream', bad)).toThrow(refused);
    }
    now = 1500;
    expect(() => tickets.open('log-stream', text)).toThrow(refused);
  });
});
