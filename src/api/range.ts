// Paged lists as the Heroku Platform API does them: the Range header in, part of the list and Next-Range out. Pure.

import { PaasError, quoteValue } from '../errors.js';

/** What a list can be ordered by: a name, and how to read it from an item. */
export type RangeKeys<Item> = Readonly<Record<string, (item: Item) => string | number>>;

/** Which part of a list is asked for. `from` is where reading begins, in the asked order. */
export interface ListRange {
  readonly property: string;
  readonly from: RangeBound | undefined;
  readonly to: RangeBound | undefined;
  readonly max: number;
  readonly isDescending: boolean;
}

export interface RangeBound {
  readonly value: string;
  /** Written as `]value`: the item itself is left out. */
  readonly isExclusive: boolean;
}

/** One page of a list, and the headers that say where it stands. */
export interface Page<Item> {
  readonly items: Item[];
  /** 206 when the list goes on. */
  readonly status: 200 | 206;
  readonly headers: Readonly<Record<string, string>>;
}

const DEFAULT_MAX = 200;
const LARGEST_MAX = 1000;
const MAX_HEADER = 1000;

/**
 * Reads a Range header such as `version ]5..; order=desc,max=15`. No header, an empty one and byte ranges mean the
 * first page by `properties[0]`. Throws `range_not_satisfiable`.
 */
export function parseRange(header: string | undefined, properties: readonly string[]): ListRange {
  const text = (header ?? '').trim();
  const [first = 'id'] = properties;
  const whole = { property: first, from: undefined, to: undefined, max: DEFAULT_MAX, isDescending: false };
  if (text === '' || text.startsWith('bytes')) return whole;
  // The pattern of bounds takes its time with long ones.
  if (text.length > MAX_HEADER) throw refused(text, `It has at most ${MAX_HEADER} characters.`);
  const [bounds = '', ...options] = text.split(/[;,]/).map((part) => part.trim());
  const match = /^([a-z_]+)(?:\s+(.*))?$/.exec(bounds);
  const property = match?.[1] ?? '';
  if (!properties.includes(property)) {
    throw refused(text, `This list can be ordered by: ${properties.join(', ')}.`);
  }
  return { ...whole, property, ...parseBounds(text, match?.[2] ?? '..'), ...parseOptions(text, options) };
}

/** The asked part of `items`, ordered. */
export function pageOf<Item>(items: readonly Item[], range: ListRange, keys: RangeKeys<Item>): Page<Item> {
  const key = keys[range.property];
  if (key === undefined) throw new Error(`no key for the property ${range.property}`);
  const direction = range.isDescending ? -1 : 1;
  const sorted = items
    .map((item) => ({ item, value: key(item) }))
    .sort((a, b) => direction * compare(a.value, b.value))
    .filter(({ value }) => isAfter(value, range.from, direction) && isAfter(value, range.to, -direction));
  const page = sorted.slice(0, range.max);
  const headers: Record<string, string> = { 'accept-ranges': Object.keys(keys).join(', ') };
  const [head, last] = [page[0], page.at(-1)];
  if (head !== undefined && last !== undefined) {
    headers['content-range'] =
      `${range.property} ${printable(head.value)}..${printable(last.value)}; max=${range.max}`;
  }
  if (last === undefined || sorted.length <= page.length) {
    return { items: page.map(({ item }) => item), status: 200, headers };
  }
  const until = range.to === undefined ? '' : `${range.to.isExclusive ? '[' : ''}${range.to.value}`;
  const order = range.isDescending ? ', order=desc' : '';
  headers['next-range'] = `${range.property} ]${printable(last.value)}..${until}; max=${range.max}${order}`;
  return { items: page.map(({ item }) => item), status: 206, headers };
}

function parseBounds(header: string, text: string): Pick<ListRange, 'from' | 'to'> {
  const match =
    /^(\]?)([^.\s[\]]?(?:[^\s[\]]*?[^.\s[\]])?)\.\.(\[?)([^.\s[\]]?(?:[^\s[\]]*[^.\s[\]])?)(\[?)$/.exec(text);
  if (match === null) throw refused(header, 'Write it as: id ..; max=200');
  const [, exclusive, from = '', before, to = '', after] = match;
  return {
    from: from === '' ? undefined : { value: from, isExclusive: exclusive === ']' },
    to: to === '' ? undefined : { value: to, isExclusive: before === '[' || after === '[' },
  };
}

function parseOptions(header: string, options: readonly string[]): Pick<ListRange, 'max' | 'isDescending'> {
  let max = DEFAULT_MAX;
  let isDescending = false;
  for (const option of options.filter((text) => text !== '')) {
    const [name, value = ''] = option.split('=').map((text) => text.trim());
    if (name === 'max' && /^[1-9]\d{0,3}$/.test(value) && Number(value) <= LARGEST_MAX) max = Number(value);
    else if (name === 'order' && (value === 'asc' || value === 'desc')) isDescending = value === 'desc';
    else throw refused(header, `Options are max=1 to max=${LARGEST_MAX}, and order=asc or order=desc.`);
  }
  return { max, isDescending };
}

function isAfter(value: string | number, bound: RangeBound | undefined, direction: number): boolean {
  if (bound === undefined) return true;
  const order = direction * compare(value, typeof value === 'number' ? toNumber(bound.value) : bound.value);
  return bound.isExclusive ? order > 0 : order >= 0;
}

function toNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw refused(text, 'The bounds of this list are whole numbers.');
  return Number(text);
}

function compare(a: string | number, b: string | number): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

// A header holds printable ASCII only.
function printable(value: string | number): string {
  return String(value).replace(/[^\x21-\x7e]/g, '');
}

function refused(header: string, hint: string): PaasError {
  return new PaasError('range_not_satisfiable', `The range ${quoteValue(header)} cannot be answered.`, {
    hint,
  });
}
