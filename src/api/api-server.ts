// What the route files have in common: the type of the server they add routes to, and how lists are answered.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import type {
  FastifyBaseLogger,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RawServerDefault,
} from 'fastify';
import { type TSchema, Type } from 'typebox';
import { pageOf, parseRange, type RangeKeys } from './range.js';

/** A Fastify server whose routes get their types from their schemas. */
export type ApiServer = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypeProvider
>;

/** Response schemas of a list. */
export function listOf<Item extends TSchema>(item: Item) {
  return { 200: Type.Array(item), 206: Type.Array(item) };
}

/** The part of `items` that the Range header asks for; sets status and headers. Throws `range_not_satisfiable`. */
export function answerPage<Item>(
  request: FastifyRequest,
  reply: FastifyReply,
  list: { items: readonly Item[]; keys: RangeKeys<Item> },
): Item[] {
  const page = pageOf(list.items, parseRange(request.headers.range, Object.keys(list.keys)), list.keys);
  reply.code(page.status).headers(page.headers);
  return page.items;
}
