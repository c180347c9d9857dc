// Dyno sizes: how much memory a dyno of a process type may use. Pure.

import { PaasError, quoteValue } from '../errors.js';

export const DEFAULT_SIZE = '512M';
const MIN_BYTES = 64 * 1024 ** 2;
const MAX_BYTES = 64 * 1024 ** 3;

// Heroku's names, so that `ps:scale web=2:standard-2x` means what fingers expect.
const NAMED: Record<string, string> = {
  eco: '512M',
  basic: '512M',
  'standard-1x': '512M',
  'standard-2x': '1G',
  'performance-m': '2560M',
  'performance-l': '14G',
};

/** A size as the user gave it (`512m`, `1g`, `Standard-1X`) in its one spelling, and in bytes. Throws `invalid_params`. */
export function parseSize(text: string): { size: string; memoryBytes: number } {
  const plain = NAMED[text.toLowerCase()] ?? text;
  const match = /^([1-9]\d{0,6})([mg])b?$/i.exec(plain);
  const unit = match?.[2]?.toUpperCase();
  const memoryBytes = match ? Number(match[1]) * (unit === 'G' ? 1024 ** 3 : 1024 ** 2) : 0;
  if (!match || memoryBytes < MIN_BYTES || memoryBytes > MAX_BYTES) {
    throw new PaasError('invalid_params', `Size ${quoteValue(text)} is not a memory size from 64m to 64g.`, {
      hint: 'Use a size such as 512m or 1g, or a name such as standard-2x.',
    });
  }
  return { size: `${match[1]}${unit}`, memoryBytes };
}

const MIN_SHARES = 128;
const MAX_SHARES = 16_384;

/** CPU weight of a dyno, in proportion to its memory: 1024 (the engine's default) at 512M. */
export function cpuSharesOf(memoryBytes: number): number {
  const shares = Math.round((1024 * memoryBytes) / (512 * 1024 ** 2));
  return Math.min(MAX_SHARES, Math.max(MIN_SHARES, shares));
}

/** Bytes as sizes are spelled: whole megabytes, `512M`. */
export function formatSize(bytes: number): string {
  return `${Math.round(bytes / 1024 ** 2)}M`;
}
