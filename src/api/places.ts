// Stacks and regions: there is one of each. And what Heroku's clients ask for that this platform does not have.

import { Type } from 'typebox';
import type { Database } from '../db/database.js';
import { findAppFor, STACK } from '../platform/apps.js';
import { AppParams, ErrorBody } from '../schemas/parts.js';
import * as schema from '../schemas/place.js';
import { type ApiServer, listOf } from './api-server.js';
import { REGION } from './apps.js';
import { accountOf } from './auth.js';
import { derivedId } from './present.js';

const MADE_AT = '2026-01-01T00:00:00Z';

/** Adds `/stacks` and `/regions`. */
export function addPlaceRoutes(server: ApiServer): void {
  const times = { created_at: MADE_AT, updated_at: MADE_AT };

  server.get('/stacks', { schema: { response: listOf(schema.Stack) } }, async () => [
    { id: derivedId('stack', STACK), name: STACK, state: 'public', default: true, ...times },
  ]);

  server.get('/regions', { schema: { response: listOf(schema.Region) } }, async () => [
    {
      id: derivedId('region', REGION),
      name: REGION,
      description: 'This server',
      country: 'This server',
      locale: 'Local',
      private_capable: false,
      provider: { name: 'paas', region: REGION },
      ...times,
    },
  ]);
}

/** Adds lists that are always empty: add-ons, SSH keys, features. */
export function addEmptyRoutes(server: ApiServer, deps: { db: Database }): void {
  const list = Type.Array(Type.Unknown());
  const ofAccount = [
    '/account/keys',
    '/account/features',
    '/addons',
    '/addon-attachments',
    '/teams',
    '/pipelines',
  ];
  for (const url of ofAccount) {
    server.get(url, { schema: { response: { 200: list } } }, async () => []);
  }
  for (const noun of ['addons', 'addon-attachments', 'features', 'sni-endpoints', 'log-drains', 'webhooks']) {
    server.get(
      `/apps/:app/${noun}`,
      { schema: { params: AppParams, response: { 200: list } } },
      async (request) => {
        findAppFor(deps.db, accountOf(request), request.params.app);
        return [];
      },
    );
  }
  server.get(
    '/apps/:app/pipeline-couplings',
    { schema: { params: AppParams, response: { 404: ErrorBody } } },
    async (request, reply) => {
      findAppFor(deps.db, accountOf(request), request.params.app);
      return reply.code(404).send({ id: 'not_found', message: 'This app is in no pipeline.' });
    },
  );
}
