// What went wrong between the command and the API, in words.

import type { IncomingMessage } from 'node:http';
import { ApiError, CliError, errorCode } from './cli-error.js';

/** The error of a reply that is not a success: the server's own words, or that this is no API at all. */
export function toApiError(
  status: number,
  value: unknown,
  from: { reply: IncomingMessage; origin: URL },
): CliError {
  const fields = typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  const text = (key: string) => (typeof fields[key] === 'string' ? fields[key] : undefined);
  const message = text('message');
  if (message === undefined) {
    const type = from.reply.headers['content-type'] ?? 'no content type';
    return new CliError(`${from.origin.origin} did not answer as a paas API (status ${status}, ${type}).`, {
      hint:
        status >= 502
          ? 'The router is up but paasd is not: on the server, see systemctl status paasd'
          : 'Check the address: paas login --host URL, or PAAS_HOST',
    });
  }
  const requestId = from.reply.headers['request-id'];
  const hint =
    text('hint') ??
    (status === 401 ? 'Log in with: paas login' : undefined) ??
    (status >= 500 && typeof requestId === 'string'
      ? `Request id for the server's log: ${requestId}`
      : undefined);
  return new ApiError({ id: text('id') ?? 'error', status, message, hint });
}

/** The connection broke while a body was sent. */
export function uploadEnded(origin: URL, cause: unknown): CliError {
  return new CliError(`${origin.origin} ended the upload before all was sent.`, {
    hint: 'It may be larger than the server takes: leave files out with .slugignore',
    cause,
  });
}

/** A failure of the connection, with what to check; other errors as they are. */
export function unreachable(error: unknown, origin: URL): unknown {
  if (error instanceof CliError) return error;
  const code = errorCode(error);
  const where = origin.origin;
  const check =
    'Check that paasd and its router run on the server, and the address: paas login --host URL, or PAAS_HOST';
  // Node tries several addresses of a name and reports them together.
  const message = error instanceof Error ? error.message || code : String(error);
  switch (code) {
    case 'ECONNREFUSED':
      return new CliError(`Nothing listens at ${where} (connection refused).`, { hint: check, cause: error });
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new CliError(`The name ${origin.hostname} cannot be resolved.`, { hint: check, cause: error });
    case undefined:
      return error;
    default:
      return new CliError(`The connection to ${where} failed: ${message}`, { hint: check, cause: error });
  }
}
