// The dashboard's files. All its pages are one file, which asks the API for the rest.

import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';

/** Serves the built dashboard in `directory`: hashed assets for ever, pages anew each time. */
export async function addDashboard(server: FastifyInstance, options: { directory: string }): Promise<void> {
  await server.register(fastifyStatic, {
    root: options.directory,
    // Only files that are there now get a route.
    wildcard: false,
    index: false,
    dotfiles: 'ignore',
    cacheControl: false,
    setHeaders(reply, path) {
      const isHashed = path.startsWith(`${options.directory}/assets/`);
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  for (const url of ['/', '/dashboard', '/dashboard/*']) {
    server.get(url, (_request, reply) => reply.sendFile('index.html'));
  }
}
