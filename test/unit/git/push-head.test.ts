// What the client of a push says first, however it is cut in pieces.

import { expect, test } from 'vitest';
import { createPushHead } from '../../../src/git/push-head.js';

const line = (text: string) => `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
const ID = 'a'.repeat(40);
const COMMAND = line(`${ID} ${ID} refs/heads/main\0 report-status side-band-64k agent=git/2.39.5`);
const TAG = line(`${ID} ${ID} refs/tags/shallow `);
const PACK = 'PACK\0\0\0\x02shallow 0011shallow ';

const CASES: readonly [string, string, boolean][] = [
  ['a branch and a tag', `${COMMAND}${TAG}0000${PACK}`, false],
  ['no objects', `${COMMAND}0000`, false],
  ['an empty line', `${COMMAND}00040000`, false],
  ['nothing', '', true],
  ['commands that do not end', COMMAND, true],
  ['a shallow clone', `${line(`shallow ${ID}`)}${COMMAND}0000${PACK}`, true],
  ['a shallow clone that says so late', `${COMMAND}${line(`shallow ${ID}`)}0000${PACK}`, true],
  ['what is no packet line', `zzzz${COMMAND}0000`, true],
];

test.each(CASES)('%s', (_name, body, mayBeShallow) => {
  for (const size of [1, 3, 7, 50, 100_000]) {
    const head = createPushHead();
    for (let at = 0; at < body.length; at += size)
      head.read(Buffer.from(body.slice(at, at + size), 'latin1'));
    expect(head.mayBeShallow(), `pieces of ${size}`).toBe(mayBeShallow);
  }
});

test('the commands, and what the client understands', () => {
  const head = createPushHead();
  head.read(Buffer.from(`${line(`shallow ${ID}`)}${COMMAND}${TAG}0000${PACK}`, 'latin1'));
  expect(head.isRead()).toBe(true);
  expect(head.commands()).toEqual({
    updates: [
      { oldId: ID, newId: ID, ref: 'refs/heads/main' },
      { oldId: ID, newId: ID, ref: 'refs/tags/shallow ' },
    ],
    capabilities: ['report-status', 'side-band-64k', 'agent=git/2.39.5'],
  });
});

const UNKNOWN: readonly [string, string, boolean][] = [
  ['commands that do not end', COMMAND, false],
  ['what is no packet line', `zzzz${COMMAND}0000`, true],
  ['a line that is no command', `${line('push-cert\0 report-status')}0000`, true],
  ['an empty line', `${COMMAND}00040000`, true],
  ['a line of 5,000 characters', line(`${ID} ${ID} ${'x'.repeat(5000)}`), true],
  ['more lines than a push may have', TAG.repeat(3000), true],
];

test.each(UNKNOWN)('left to git: %s', (_name, body, isRead) => {
  const head = createPushHead();
  head.read(Buffer.from(body, 'latin1'));
  expect(head.isRead()).toBe(isRead);
  expect(head.commands()).toBeUndefined();
});

test('a client that only asks whether it may push', () => {
  const head = createPushHead();
  head.read(Buffer.from('0000'));
  expect(head.commands()).toEqual({ updates: [], capabilities: [] });
});
