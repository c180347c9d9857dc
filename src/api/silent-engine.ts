// Tells clients that what they are shown of dynos is what was seen before the container engine fell silent.

import type { FastifyReply } from 'fastify';
import { isoTime } from './present.js';

/** Sets Heroku's header of warnings, which clients print, unless `silentSince` (epoch ms) is undefined. */
export function warnOfSilence(reply: FastifyReply, silentSince: number | undefined): void {
  if (silentSince === undefined) return;
  const text = `The Docker engine has not answered since ${isoTime(silentSince)}. What runs is shown as it was seen then.`;
  reply.header('x-heroku-warning', text);
}
