import { describe, expect, test } from 'vitest';
import { FilteredLines, matches } from '../../../web-ui/src/log/filter.js';
import {
  type LogEntry,
  lineTone,
  parseLogLine,
  printLogLine,
  processHue,
  processType,
} from '../../../web-ui/src/log/line.js';
import { Ring } from '../../../web-ui/src/log/ring.js';
import { createSseParser } from '../../../web-ui/src/log/sse.js';

const time = '2010-09-16T15:13:46.677020+00:00';
const entry = (process: string, text: string, source = 'app'): LogEntry => ({
  id: 1,
  time,
  source,
  process,
  text,
});

describe('parseLogLine', () => {
  test.each([
    [`${time} app[web.1]: hello`, 'app', 'web.1', 'hello'],
    [`${time} heroku[router]: at=info path="/"`, 'heroku', 'router', 'at=info path="/"'],
    [`${time} app[web.1]: `, 'app', 'web.1', ''],
    [`${time} app[web.1]:   indented`, 'app', 'web.1', '  indented'],
    [`${time} app[web.1]: <script>alert(1)</script>`, 'app', 'web.1', '<script>alert(1)</script>'],
    [`${time} app[web.1]: \u001b[31mred\u001b[0m \u001b]0;title\u0007x`, 'app', 'web.1', 'red x'],
    [`${time} app[web.1]: bell\u0007`, 'app', 'web.1', 'bell\ufffd'],
    ['no prefix at all', 'app', '', 'no prefix at all'],
  ])('%j', (raw, source, process, text) => {
    expect(parseLogLine(7, raw)).toMatchObject({ id: 7, source, process, text });
  });

  test('prints what it read', () => {
    const raw = `${time} heroku[web.1]: State changed from starting to up`;
    expect(printLogLine(parseLogLine(1, raw))).toBe(raw);
  });
});

test.each([
  [entry('web.1', 'at=error is only text here'), 'plain'],
  [entry('router', 'at=error code=H12', 'heroku'), 'error'],
  [entry('router', 'at=info', 'heroku'), 'quiet'],
  [entry('web.1', 'Error R14 (Memory quota exceeded)', 'heroku'), 'error'],
  [entry('web.1', 'State changed from up to crashed', 'heroku'), 'error'],
  [entry('web.1', 'State changed from starting to up', 'heroku'), 'state'],
])('tone of %o', (line, tone) => expect(lineTone(line)).toBe(tone));

test('dynos of one type have different colours, a process always the same', () => {
  expect(processHue('web.1')).not.toBe(processHue('web.2'));
  expect(processHue('mailer.3')).toBe(processHue('mailer.3'));
  expect(processType('run.1234')).toBe('run');
});

describe('matches', () => {
  const line = entry('web.2', 'Completed 200 OK');
  test.each([
    ['', '', true],
    ['completed', '', true],
    ['ok completed', '', true],
    ['web.2 ok', '', true],
    ['-ok', '', false],
    ['-missing', '', true],
    ['500', '', false],
    ['', 'type:web', true],
    ['', 'type:worker', false],
    ['', 'process:web.2', true],
    ['', 'process:web.1', false],
    ['', 'source:app', true],
    ['', 'source:heroku', false],
  ])('text %j, process %j: %s', (text, process, expected) => {
    expect(matches(line, { text, process })).toBe(expected);
  });
});

test('filtered lines follow the ring and count what has left at the top', () => {
  const ring = new Ring<LogEntry>(4);
  const lines = new FilteredLines(ring, { text: '', process: 'process:web.1' });
  const push = (...processes: string[]) =>
    processes.forEach((process) => void ring.push(entry(process, process)));
  push('web.1', 'web.2', 'web.1');
  expect([lines.update(), lines.length]).toEqual([0, 2]);
  push('web.2', 'web.1', 'web.2');
  expect([lines.update(), lines.length]).toEqual([1, 2]);
  push('web.2', 'web.2', 'web.2', 'web.2', 'web.1');
  expect([lines.update(), lines.length, lines.at(0)?.process, lines.at(1)]).toEqual([
    2,
    1,
    'web.1',
    undefined,
  ]);
  lines.setFilter({ text: '', process: '' });
  expect(lines.length).toBe(4);
});

describe('createSseParser', () => {
  const stream =
    'id: 5\ndata: one\n\n: heartbeat\n\nevent: dropped\ndata: {"count":3}\n\nid: 6\r\ndata: a\r\ndata: b\r\n\r\n';
  const events = [
    { id: '5', event: 'message', data: 'one' },
    { id: undefined, event: 'dropped', data: '{"count":3}' },
    { id: '6', event: 'message', data: 'a\nb' },
  ];

  test('reads a whole stream', () => expect(createSseParser()(stream)).toEqual(events));

  test('reads it in pieces of any size', () => {
    for (let size = 1; size < 12; size += 1) {
      const parse = createSseParser();
      const pieces = stream.match(new RegExp(`[\\s\\S]{1,${size}}`, 'g')) ?? [];
      expect(pieces.flatMap((piece) => parse(piece))).toEqual(events);
    }
  });

  test('gives nothing for an event that was cut off', () => {
    expect(createSseParser()('id: 9\ndata: half')).toEqual([]);
  });
});
