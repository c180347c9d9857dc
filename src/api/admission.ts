// Whether the daemon takes another request: not when it could not finish what it begins.

import type { FastifyInstance } from 'fastify';
import { PaasError } from '../errors.js';

// A build or a run needs some dozen: connections to the engine, pipes of programs, files.
const NEEDED_FILES = 64;

/** Refuses all but the health check with `service_unavailable` while few open files are left. */
export function refuseWithoutFiles(server: FastifyInstance, freeFiles: () => number): void {
  server.addHook('onRequest', async (request) => {
    if (request.url === '/healthz' || freeFiles() >= NEEDED_FILES) return;
    throw new PaasError('service_unavailable', 'The platform has too few open files left for new work.', {
      hint: 'Try again in a moment. The operator raises the limit of paasd (LimitNOFILE=65536); see: paas doctor',
      retryAfterSeconds: 5,
    });
  });
}
