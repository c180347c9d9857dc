import { describe, expect, it } from 'vitest';
import { pageOf, parseRange } from '../../../src/api/range.js';

const PROPERTIES = ['id', 'version'];

describe('parseRange', () => {
  const first = { property: 'id', from: undefined, to: undefined, max: 200, isDescending: false };

  it.each([
    [undefined, first],
    ['', first],
    ['bytes=0-', first],
    ['id ..', first],
    ['id ..; max=1000;', { ...first, max: 1000 }],
    ['version ..; max=15, order=desc', { ...first, property: 'version', max: 15, isDescending: true }],
    ['version ..; order=desc,max=1', { ...first, property: 'version', max: 1, isDescending: true }],
    ['version ..; order=desc', { ...first, property: 'version', isDescending: true }],
    ['id ]b..; max=2', { ...first, from: { value: 'b', isExclusive: true }, max: 2 }],
    [
      'id a-1.x..c',
      { ...first, from: { value: 'a-1.x', isExclusive: false }, to: { value: 'c', isExclusive: false } },
    ],
    [
      'version 5..9[',
      {
        ...first,
        property: 'version',
        from: { value: '5', isExclusive: false },
        to: { value: '9', isExclusive: true },
      },
    ],
  ])('reads %j', (header, expected) => {
    expect(parseRange(header, PROPERTIES)).toEqual(expected);
  });

  it.each([
    'color ..',
    'id',
    'id a',
    'id ..; max=0',
    'id ..; max=1001',
    'id ..; max=1e3',
    'id ..; max=-1',
    'id ..; order=up',
    'id ..; page=2',
    'id ..;max=99999999',
  ])('refuses %j', (header) => {
    if (header === 'id') expect(parseRange(header, PROPERTIES).property).toBe('id');
    else
      expect(() => parseRange(header, PROPERTIES)).toThrow(
        expect.objectContaining({ id: 'range_not_satisfiable' }),
      );
  });
});

describe('pageOf', () => {
  const items = Array.from({ length: 12 }, (_, index) => ({ id: `id${index}`, version: index + 1 }));
  const keys = {
    id: (item: { id: string }) => item.id,
    version: (item: { version: number }) => item.version,
  };
  const page = (header: string) => pageOf(items, parseRange(header, PROPERTIES), keys);
  const versions = (header: string) => page(header).items.map(({ version }) => version);

  it.each([
    ['version ..; max=3', [1, 2, 3]],
    ['version ..; order=desc, max=3', [12, 11, 10]],
    ['version ]3..; max=2', [4, 5]],
    ['version ]10..; max=2, order=desc', [9, 8]],
    ['version 3..5', [3, 4, 5]],
    ['version 3..5[', [3, 4]],
    ['version 5..3; order=desc', [5, 4, 3]],
    ['version 99..', []],
  ])('gives %s', (header, expected) => {
    expect(versions(header)).toEqual(expected);
  });

  it('leads through the whole list by Next-Range, in both orders', () => {
    for (const order of ['asc', 'desc']) {
      const seen: number[] = [];
      let next: string | undefined = `version ..; max=5, order=${order}`;
      while (next !== undefined) {
        const part = page(next);
        seen.push(...part.items.map(({ version }) => version));
        expect(part.status).toBe(part.headers['next-range'] === undefined ? 200 : 206);
        next = part.headers['next-range'];
      }
      const all = items.map(({ version }) => version);
      expect(seen).toEqual(order === 'asc' ? all : all.reverse());
    }
  });

  it('refuses bounds that are no numbers where numbers are compared', () => {
    expect(() => page('version a..b')).toThrow(expect.objectContaining({ id: 'range_not_satisfiable' }));
  });
});

it('refuses a very long header without a long look at it', () => {
  const begin = performance.now();
  expect(() => parseRange(`id ${'a..b'.repeat(3700)}[[`, ['id'])).toThrow('cannot be answered');
  expect(performance.now() - begin).toBeLessThan(50);
});
