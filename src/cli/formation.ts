// What people type to scale: `web=3`, `worker+1`, `web=2:1g`. Pure.

import type { ApiFormation } from './api-types.js';
import { usageError } from './cli-error.js';

export interface FormationUpdate {
  readonly type: string;
  readonly quantity: string;
  readonly size?: string;
}

/** Parses the arguments of `ps:scale`; anything else than TYPE=QTY is a usage error. */
export function parseScale(args: readonly string[]): FormationUpdate[] {
  return args.map((arg) => {
    const [, type, quantity, size] = /^([\w-]+)([=+-]\d+)(?::([\w.-]+))?$/.exec(arg) ?? [];
    if (type === undefined || quantity === undefined) {
      throw usageError(`"${arg}" is not of the form TYPE=QTY.`, 'Like: paas ps:scale web=2 worker+1');
    }
    return { type, quantity: quantity.replace('=', ''), ...(size === undefined ? {} : { size }) };
  });
}

/** `web=3:512M worker=1:512M`: one line that can be pasted back. */
export function formatFormation(formation: readonly ApiFormation[]): string {
  return formation
    .map((entry) => `${entry.type}=${entry.quantity}:${entry.size}`)
    .sort()
    .join(' ');
}

/** `web at 3:512M, worker at 1:512M` of the types that were asked for. */
export function formatScaled(formation: readonly ApiFormation[], types: readonly string[]): string {
  return formation
    .filter((entry) => types.includes(entry.type))
    .map((entry) => `${entry.type} at ${entry.quantity}:${entry.size}`)
    .join(', ');
}
