// Tickets: URLs that carry their own permission, signed with the key of the install, so that they need no other
// credentials and survive a restart of the daemon. Pure.

import { createHmac, timingSafeEqual } from 'node:crypto';
import { PaasError } from '../errors.js';

/** What a ticket is good for; one made for a purpose is refused for every other. */
export type TicketPurpose = 'log-stream' | 'build-output' | 'release-output' | 'source';

/** Makes and reads tickets. */
export interface Tickets {
  /** `claims` become part of the text and can be read by whoever has it. */
  issue(
    purpose: TicketPurpose,
    claims: Readonly<Record<string, string | number | boolean>>,
    lifeMs: number,
  ): string;
  /** The claims. Throws `forbidden` for anything that was not made by `issue`, is for something else, or is over. */
  open(purpose: TicketPurpose, text: string): Readonly<Record<string, unknown>>;
}

/** Tickets signed with `key`. */
export function createTickets(options: { key: Buffer; now: () => number }): Tickets {
  const sign = (purpose: TicketPurpose, payload: string) =>
    createHmac('sha256', options.key).update(`ticket:${purpose}:${payload}`).digest();
  return {
    issue(purpose, claims, lifeMs) {
      const payload = Buffer.from(JSON.stringify({ ...claims, until: options.now() + lifeMs })).toString(
        'base64url',
      );
      return `${payload}.${sign(purpose, payload).toString('base64url')}`;
    },
    open(purpose, text) {
      const [payload = '', signature = ''] = text.split('.');
      const given = Buffer.from(signature, 'base64url');
      const expected = sign(purpose, payload);
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw refused('is not valid');
      // We wrote it: the signature fits.
      const claims = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Record<
        string,
        unknown
      >;
      if (typeof claims['until'] !== 'number' || claims['until'] <= options.now()) throw refused('is over');
      return claims;
    },
  };
}

function refused(why: string): PaasError {
  return new PaasError('forbidden', `This address ${why}.`, { hint: 'Ask the API for a new one.' });
}
