// How the server is: for administrators, and for what watches it.

import type { FastifyRequest } from 'fastify';
import { Type } from 'typebox';
import { PaasError } from '../errors.js';
import { Finding } from '../schemas/server.js';
import type { ServerUpkeep } from '../upkeep/server-upkeep.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';

/** Adds `/doctor` and `/metrics`, with the token of an administrator. */
export function addServerRoutes(server: ApiServer, { upkeep }: { upkeep: ServerUpkeep }): void {
  server.get('/doctor', { schema: { response: { 200: Type.Array(Finding) } } }, async (request) => {
    requireAdmin(request);
    return await upkeep.examine();
  });

  server.get('/metrics', async (request, reply) => {
    requireAdmin(request);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(await upkeep.metrics());
  });
}

function requireAdmin(request: FastifyRequest): void {
  if (accountOf(request).isAdmin) return;
  throw new PaasError('forbidden', 'Only administrators may see how the server is.', {
    hint: 'Ask the operator, who makes one with: paasd-admin account:create --admin',
  });
}
