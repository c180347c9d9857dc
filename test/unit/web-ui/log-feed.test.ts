import { describe, expect, test } from 'vitest';
import { LogFeed } from '../../../web-ui/src/log/feed.js';
import type { LogEntry } from '../../../web-ui/src/log/line.js';
import { Ring } from '../../../web-ui/src/log/ring.js';

const line = (id: number): LogEntry => ({
  id,
  time: '',
  source: 'app',
  process: 'web.1',
  text: `line ${id}`,
});
const lines = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => line(from + index));
const shown = (feed: LogFeed) => [...feed.lines].map((entry) => entry.id);

describe('Ring', () => {
  test('keeps the newest items and numbers them for ever', () => {
    const ring = new Ring<string>(3);
    expect(['a', 'b', 'c', 'd', 'e'].map((item) => ring.push(item))).toEqual([
      undefined,
      undefined,
      undefined,
      'a',
      'b',
    ]);
    expect([...ring]).toEqual(['c', 'd', 'e']);
    expect({ first: ring.first, end: ring.end, size: ring.size }).toEqual({ first: 2, end: 5, size: 3 });
    expect([ring.at(1), ring.at(2), ring.at(4), ring.at(5)]).toEqual([undefined, 'c', 'e', undefined]);
  });
});

describe('LogFeed', () => {
  test('shows a line once, however often a reconnect sends it', () => {
    const feed = new LogFeed(100);
    feed.push(lines(1, 10));
    expect(feed.push(lines(5, 15))).toBe(5);
    expect(shown(feed)).toEqual(lines(1, 15).map((entry) => entry.id));
    expect(feed.lastId).toBe(15);
  });

  test('takes lines that come slightly out of order', () => {
    const feed = new LogFeed(100);
    feed.push([line(1), line(3), line(2)]);
    expect(shown(feed)).toEqual([1, 3, 2]);
    expect(feed.lastId).toBe(3);
  });

  test('does not bring back lines that have long left the ring', () => {
    const feed = new LogFeed(10);
    feed.push(lines(1, 1000));
    expect(feed.push(lines(1, 1000))).toBe(0);
    expect(shown(feed)).toEqual(lines(991, 1000).map((entry) => entry.id));
  });

  test('holds lines while paused and shows them in order on resume', () => {
    const feed = new LogFeed(100);
    feed.push(lines(1, 3));
    feed.pause();
    feed.push(lines(3, 6));
    expect({ shown: shown(feed), held: feed.heldCount }).toEqual({ shown: [1, 2, 3], held: 3 });
    feed.resume();
    expect(shown(feed)).toEqual([1, 2, 3, 4, 5, 6]);
    expect(feed.heldCount).toBe(0);
  });

  test('says how many lines it could not hold', () => {
    const feed = new LogFeed(5);
    feed.pause();
    feed.push(lines(1, 12));
    expect(feed.givenUpCount).toBe(8);
    feed.resume();
    expect([...feed.lines].map((entry) => entry.text)).toEqual([
      '8 lines came while paused and were not kept',
      'line 9',
      'line 10',
      'line 11',
      'line 12',
    ]);
  });
});
