// What the fields of a check may hold. Pure.

import { PaasError, quoteValue } from '../errors.js';

export type CheckRules = ReturnType<typeof checkRules>;

/** Checks single values. Each throws `invalid_params` with the field, after the place `at`, and its rule. */
export function checkRules(at: string) {
  const number = (
    field: string,
    value: number | undefined,
    rule: string,
    isRight: (n: number) => boolean,
  ) => {
    if (value === undefined) return undefined;
    if (typeof value !== 'number' || !Number.isFinite(value) || !isRight(value))
      throw broken(at, field, rule, value);
    return value;
  };
  const text = (field: string, value: string, maxLength: number): string => {
    if (typeof value !== 'string' || value.length > maxLength || /[\u0000-\u001f\u007f]/.test(value)) {
      throw broken(at, field, `must be text of at most ${maxLength} characters, without control characters`);
    }
    return value;
  };
  return {
    broken: (field: string, rule: string, value?: unknown) => broken(at, field, rule, value),
    text,
    seconds: (field: string, value: number | undefined, { min, max }: { min: number; max: number }) => {
      const rule = `must be a number of seconds from ${min} to ${max}`;
      const seconds = number(field, value, rule, (n) => n >= min && n <= max);
      return seconds === undefined ? undefined : Math.round(seconds * 1000);
    },
    whole: (field: string, value: number | undefined, { min, max }: { min: number; max: number }) =>
      number(
        field,
        value,
        `must be a whole number from ${min} to ${max}`,
        (n) => Number.isInteger(n) && n >= min && n <= max,
      ),
    port: (value: number | undefined) =>
      number(
        'port',
        value,
        'must be a port of the dyno, from 1 to 65535',
        (n) => Number.isInteger(n) && n >= 1 && n <= 65_535,
      ),
    status: (value: string) => readStatus(at, value),
    header: (header: Header) => readHeader(at, header),
    command: (value: string | readonly string[]) => readCommand(at, value),
  };
}

interface Header {
  readonly name: string;
  readonly value: string;
}

function broken(at: string, field: string, rule: string, value?: unknown): PaasError {
  const shown = value === undefined ? '' : ` ${quoteValue(String(value))}`;
  return new PaasError('invalid_params', `${at}${field}${shown} ${rule}.`);
}

function readStatus(at: string, value: string): { minStatus: number; maxStatus: number } {
  const [, min, max = min] = /^([1-5]\d\d)(?:-([1-5]\d\d))?$/.exec(String(value)) ?? [];
  if (min === undefined || Number(min) > Number(max)) {
    throw broken(at, 'status', 'must be a status or a range of them, such as 204 or 200-399', value);
  }
  return { minStatus: Number(min), maxStatus: Number(max) };
}

function readHeader(
  at: string,
  { name, value }: { name: string; value: string },
): { name: string; value: string } {
  // Field names and values of RFC 9110, 5.1 and 5.5; ASCII only. What frames the message is not a user's to set.
  if (typeof name !== 'string' || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/.test(name)) {
    throw broken(at, 'headers', 'must have names of letters, digits and dashes', name);
  }
  if (typeof value !== 'string' || !/^[\x20-\x7e]{0,1024}$/.test(value)) {
    throw broken(at, 'headers', 'must have values of printable ASCII, at most 1024 characters', name);
  }
  if (/^(content-length|transfer-encoding|connection|upgrade|expect|trailer|te)$/i.test(name)) {
    throw broken(at, 'headers', 'must not hold this one, which the platform sets', name);
  }
  return { name, value };
}

function readCommand(at: string, value: string | readonly string[]): string | readonly string[] {
  const words = typeof value === 'string' ? [value] : value;
  const isRight =
    Array.isArray(words) &&
    words.length > 0 &&
    words.length <= 100 &&
    words.every((word) => typeof word === 'string' && word.length <= 4096 && !word.includes('\0')) &&
    words[0]?.trim() !== '';
  if (!isRight) throw broken(at, 'command', 'must be a command, or a list of at most 100 words');
  return value;
}
