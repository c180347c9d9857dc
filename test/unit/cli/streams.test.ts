import { describe, expect, it } from 'vitest';
import { createEventParser } from '../../../src/cli/event-stream.js';
import { createLogPainter, forTerminal, parseLogLine } from '../../../src/cli/log-lines.js';
import { printableJson } from '../../../src/cli/printable.js';

describe('server-sent events', () => {
  const text =
    ': hb\n\nretry: 1\n\nid: 1\ndata: a\n\nid: 2\r\ndata: b\r\ndata:c\r\n\r\nevent: dropped\ndata: {"count":3}\n\ndata:  two blanks\n\n';
  const expected = [
    { id: '1', type: 'message', data: 'a' },
    { id: '2', type: 'message', data: 'b\nc' },
    { id: '', type: 'dropped', data: '{"count":3}' },
    { id: '', type: 'message', data: ' two blanks' },
  ];
  it.each([1, 2, 3, 7, 1000])('are read in pieces of %d characters', (size) => {
    const parse = createEventParser();
    const events = [];
    for (let at = 0; at < text.length; at += size) events.push(...parse(text.slice(at, at + size)));
    expect(events).toEqual(expected);
  });
  it('drops an event that was cut off', () => {
    expect(createEventParser()('id: 1\ndata: a\n')).toEqual([]);
  });
});

describe('log lines', () => {
  const line = '2010-09-16T15:13:46.677020+00:00 app[web.1]: hello [x]: y';
  it('have parts', () => {
    expect(parseLogLine(line)).toEqual({
      timestamp: '2010-09-16T15:13:46.677020+00:00',
      source: 'app',
      process: 'web.1',
      message: 'hello [x]: y',
    });
    expect(parseLogLine('junk')).toBeUndefined();
  });
  it('keep one colour for each process type', () => {
    const paint = createLogPainter();
    const color = (text: string) => paint(text).slice(0, 5);
    expect(color('t app[web.1]: a')).toBe(color('t heroku[web.2]: b'));
    expect(color('t app[web.1]: a')).not.toBe(color('t app[worker.1]: b'));
    expect(paint('t heroku[router]: at=error code=H12 status=503')).toContain('\u001b[31mcode=H12\u001b[0m');
  });
  it('cannot leave a terminal coloured or move its cursor', () => {
    expect(forTerminal('t app[web.1]: \u001b[31mred\u001b[2J')).toBe(
      't app[web.1]: \u001b[31mred\\x1b[2J\u001b[0m',
    );
  });
  it('cannot command a terminal as JSON either', () => {
    const value = { message: 'a\u009b2J\u009d52;c;x\u0007\u202eb\u007f' };
    const text = printableJson(value);
    expect(text).toBe('{"message":"a\\u009b2J\\u009d52;c;x\\u0007\\u202eb\\u007f"}');
    expect(JSON.parse(text)).toEqual(value);
  });
});
