import { expect, test } from 'vitest';
import { createEventParser } from '../../../src/cli/event-stream.js';
import { parseLastEventId, sseDropped, sseHeartbeat, sseLine, ssePosition } from '../../../src/logs/sse.js';
import { createSseParser } from '../../../web-ui/src/log/sse.js';

const line = { seq: 42, timestampUs: 1_000_000, source: 'app', process: 'web.1', text: 'hi' } as const;

test('a line is one event with its number', () => {
  expect(sseLine(line)).toBe('id: 42\ndata: 1970-01-01T00:00:01.000000+00:00 app[web.1]: hi\n\n');
});

test.each(['\r\n\nevent: admin\ndata: {}', 'a\rb', 'a\nb', 'a\0b'])('%j forges no event', (text) => {
  const event = sseLine({ ...line, text });
  expect(event.split(/\r\n|\r|\n/)).toHaveLength(4);
  expect(event).not.toContain('\0');
});

test('dropped lines are told to programs and to people, without an id', () => {
  const event = sseDropped({ count: 3, sinceUs: 0, nowUs: 1_000_000 });
  expect(event).toBe(
    'event: dropped\ndata: {"count":3}\n\ndata: 1970-01-01T00:00:01.000000+00:00 heroku[logplex]: ' +
      'Error L11 (Tail buffer overflow): 3 messages dropped since 1970-01-01T00:00:00.000000+00:00.\n\n',
  );
  expect(sseHeartbeat().startsWith(':')).toBe(true);
});

test.each([
  ['17', 17],
  [undefined, undefined],
  ['', undefined],
  ['-1', undefined],
  ['abc', undefined],
  ['9223372036854775808', undefined],
  ['1e3', undefined],
])('Last-Event-ID %j', (value, seq) => expect(parseLastEventId(value)).toBe(seq));

test('a position moves the last id, and shows nothing', () => {
  expect(createEventParser()(ssePosition(7))).toEqual([{ id: '7', type: 'position', data: '' }]);
  expect(createSseParser()(ssePosition(7))).toEqual([]);
});
