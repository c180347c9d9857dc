// Tables, dates and sizes as Heroku's CLI prints them. Pure.

/** Rows with their columns padded to one width, two blanks between them; the last column is not padded. */
export function formatTable(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, column) => {
      widths[column] = Math.max(widths[column] ?? 0, visibleLength(cell));
    });
  }
  return rows.map((row) =>
    row
      .map((cell, column) =>
        column === row.length - 1 ? cell : cell + ' '.repeat((widths[column] ?? 0) - visibleLength(cell)),
      )
      .join('  ')
      .trimEnd(),
  );
}

/** `KEY:  value` lines with the values in one column. */
export function formatFields(fields: readonly (readonly [string, string])[]): string[] {
  const width = Math.max(0, ...fields.map(([key]) => visibleLength(key))) + 2;
  return fields.map(([key, value]) =>
    `${key}:${' '.repeat(width - visibleLength(key) - 1)}${value}`.trimEnd(),
  );
}

/** `2015/11/17 17:37:41 +0000`, in the local time zone. */
export function formatDate(date: Date): string {
  const two = (n: number) => String(Math.trunc(Math.abs(n))).padStart(2, '0');
  const offset = -date.getTimezoneOffset();
  const zone = `${offset < 0 ? '-' : '+'}${two(offset / 60)}${two(offset % 60)}`;
  const day = `${date.getFullYear()}/${two(date.getMonth() + 1)}/${two(date.getDate())}`;
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}`;
}

/** The date with `(~ 3m ago)` when it lies less than 25 hours back. */
export function formatAgo(date: Date, now: Date): string {
  const elapsed = Math.max(0, Math.floor((now.getTime() - date.getTime()) / 1000));
  const text = formatDate(date);
  if (elapsed < 60) return `${text} (~ ${elapsed}s ago)`;
  if (elapsed < 3600) return `${text} (~ ${Math.floor(elapsed / 60)}m ago)`;
  if (elapsed < 25 * 3600) return `${text} (~ ${Math.floor(elapsed / 3600)}h ago)`;
  return text;
}

/** `12.3 MB`, decimal units. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

/** A value in single quotes for a POSIX shell. */
export function shellQuote(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`;
}

/** `word` with an `s` unless there is one of it. */
export function plural(count: number, word: string): string {
  return `${count} ${word}${count === 1 ? '' : 's'}`;
}

function visibleLength(text: string): number {
  return [...text.replace(/\u001b\[[0-9;:]*m/g, '')].length;
}

/** How long until then, in one unit: `40s`, `20m`, `5h`. */
export function formatUntil(at: Date, now: Date): string {
  const seconds = Math.max(0, Math.ceil((at.getTime() - now.getTime()) / 1000));
  if (seconds < 100) return `${seconds}s`;
  return seconds < 100 * 60 ? `${Math.round(seconds / 60)}m` : `${Math.round(seconds / 3600)}h`;
}
