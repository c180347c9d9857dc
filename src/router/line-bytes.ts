// Reads and writes pieces of a line as bytes, without a string or an object for any of them. Pure.

const ZERO = 0x30;

/** Whether `text` is what begins at `from`. */
export function startsWith(bytes: Buffer, from: number, text: Buffer): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[from + index] !== text[index]) return false;
  }
  return true;
}

/** Whether these bytes are the ASCII text. */
export function isSame(text: string, bytes: Buffer, from: number, to: number): boolean {
  if (text.length !== to - from) return false;
  for (let index = 0; index < text.length; index += 1) {
    if (bytes[from + index] !== text.charCodeAt(index)) return false;
  }
  return true;
}

/** The decimal number that begins at `from`; -1 for a negative one. */
export function readNumber(bytes: Buffer, from: number): number {
  let value = 0;
  for (let at = from; ; at += 1) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return at === from ? -1 : value;
    value = value * 10 + digit;
  }
}

/** Writes a whole number that is not negative in decimal; gives where it ends. */
export function putNumber(value: number, out: Buffer, at: number): number {
  if (value < 10) {
    out[at] = ZERO + value;
    return at + 1;
  }
  return at + out.write(String(value), at, 'latin1');
}

/** Gives where it ends in `out`. For some dozen bytes a loop is quicker than a call of `Buffer.copy`. */
export function copy(source: Buffer, from: number, to: number, out: Buffer, at: number): number {
  let end = at;
  for (let index = from; index < to; index += 1) {
    out[end] = source[index] ?? 0;
    end += 1;
  }
  return end;
}
