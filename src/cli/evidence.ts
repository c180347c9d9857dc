// What the platform saw, as the fields it is printed in. Pure.

import type { ApiIncident } from './api-types.js';

/** `{exit_code: 1}` as `['Exit code', '1']`, for `formatFields`. */
export function evidenceFields(evidence: ApiIncident['evidence']): (readonly [string, string])[] {
  return Object.entries(evidence).map(([key, value]) => [wordOf(key), textOf(value)] as const);
}

/** `exit_code` as `Exit code`. */
function wordOf(key: string): string {
  const words = key.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function textOf(value: string | number | boolean | string[]): string {
  if (Array.isArray(value)) return value.length === 0 ? 'nothing' : value.join(', ');
  if (typeof value === 'boolean') return value ? 'yes' : 'no';
  return String(value);
}
