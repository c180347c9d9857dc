// Durations as people type them: `30m`, `500ms`, `1h30m`. Pure.

import { usageError } from './cli-error.js';

const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds; a number without a unit counts `unit`s. Anything else is a usage error that names the flag. */
export function parseDuration(flag: string, text: string, unit: 'ms' | 's'): number {
  const plain = /^\d+(?:\.\d+)?$/.test(text) ? `${text}${unit}` : text.toLowerCase();
  const parts = [...plain.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== plain) {
    throw usageError(`--${flag} must be a time such as 30m, 90s or 500ms, not "${text}".`);
  }
  return parts.reduce((sum, [, count, name]) => sum + Number(count) * (UNITS[name ?? ''] ?? 0), 0);
}

/** `30m`, `1h30m`, `1.5s`: as it can be typed again. */
export function formatDuration(ms: number): string {
  if (ms < 1000) return `${ms}ms`;
  let left = ms;
  const parts: string[] = [];
  for (const unit of ['d', 'h', 'm']) {
    const size = UNITS[unit] ?? 1;
    if (left >= size) parts.push(`${Math.floor(left / size)}${unit}`);
    left %= size;
  }
  if (left > 0) parts.push(`${left / 1000}s`);
  return parts.join('');
}
