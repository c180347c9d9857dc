import type { ConfigVars } from '../api/types.js';

/** One config var that differs between two releases. Values are left out: they may be secret. */
export interface ConfigChange {
  readonly key: string;
  readonly kind: 'added' | 'removed' | 'changed';
}

/** What happens to the config vars when `from` is replaced by `to`, sorted by key. */
export function configChanges(from: ConfigVars, to: ConfigVars): ConfigChange[] {
  const keys = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return keys.flatMap((key): ConfigChange[] => {
    if (from[key] === to[key]) return [];
    if (from[key] === undefined) return [{ key, kind: 'added' }];
    return [{ key, kind: to[key] === undefined ? 'removed' : 'changed' }];
  });
}
