// The one place that prints an error as an HTTP reply.

import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify';
import { type ErrorId, PaasError, shortageOf } from '../errors.js';
import { validationError } from './validation.js';

/** Answers an error: `{id, message, hint?}`. What is no user's fault is logged and answered 500 without details. */
export function replyError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const known = toPaasError(error) ?? shortageOf(error);
  if (known === undefined || known.status >= 500) {
    request.log.error(
      { err: error, method: request.method, route: request.routeOptions.url },
      'request failed',
    );
  }
  const answer =
    known ??
    new PaasError('internal_server_error', 'Something went wrong on the platform; its log says more.', {
      hint: `The request's id is ${request.id}.`,
    });
  if (answer.retryAfterSeconds !== undefined) reply.header('retry-after', String(answer.retryAfterSeconds));
  // What is left of a body is not read: the connection cannot be used again.
  if (answer.id === 'payload_too_large' || answer.id === 'request_timeout')
    reply.header('connection', 'close');
  return reply
    .code(answer.status)
    .type('application/json; charset=utf-8')
    .serializer(JSON.stringify)
    .send(errorBody(answer));
}

/** What is sent of an error. */
export function errorBody(error: PaasError): { id: string; message: string; hint?: string } {
  return { id: error.id, message: error.message, ...(error.hint !== undefined && { hint: error.hint }) };
}

function toPaasError(error: unknown): PaasError | undefined {
  if (error instanceof PaasError) return error;
  if (!(error instanceof Error)) return undefined;
  // Fastify's own errors carry these fields.
  const { validation, validationContext, code, statusCode } = error as FastifyError;
  if (validation !== undefined) return validationError(validation, validationContext ?? 'body');
  const id = code === undefined ? undefined : FASTIFY_ERRORS[code];
  if (id !== undefined) return new PaasError(id, FASTIFY_TEXTS[id] ?? error.message);
  if (code?.startsWith('FST_') && statusCode !== undefined && statusCode >= 400 && statusCode < 500) {
    return new PaasError('bad_request', error.message);
  }
  return undefined;
}

const FASTIFY_ERRORS: Readonly<Record<string, ErrorId>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported_media_type',
  FST_ERR_CTP_BODY_TOO_LARGE: 'payload_too_large',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'bad_request',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'invalid_json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'invalid_json',
  FST_ERR_BAD_URL: 'bad_request',
  FST_ERR_MAX_PARAM_LENGTH: 'uri_too_long',
};

const FASTIFY_TEXTS: Partial<Record<ErrorId, string>> = {
  unsupported_media_type: 'The body must be sent as application/json in UTF-8.',
  payload_too_large: 'The body is larger than 1 MiB.',
  bad_request: 'The address or length of the request is malformed.',
  uri_too_long: 'A name in the path is too long.',
};
