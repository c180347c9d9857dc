// Errors of the engine in words that are safe to show. Docker's own texts may quote environment values, so none passes. Pure.

import { PaasError } from '../errors.js';

/** The engine answers, and failed at what it was asked for: it may fail again at each try. */
export class EngineFailedError extends PaasError {}

/** What a failed call to the engine means. `subject` is what the call was about (`container web.1`), without values. */
export function engineError(error: unknown, subject: string): PaasError {
  if (error instanceof PaasError) return error;
  const status = statusOf(error);
  const text = error instanceof Error ? error.message : '';
  if (/no space left on device/i.test(text)) {
    return new PaasError('storage_full', 'The disk of the container engine is full.', {
      hint: 'The operator sees what takes the space with: paas doctor',
    });
  }
  if (status === undefined) {
    return new PaasError('service_unavailable', `The container engine does not answer (${subject}).`, {
      hint: 'Check that Docker runs on the server.',
      cause: new Error(codeOf(error)),
      retryAfterSeconds: 5,
    });
  }
  return startFailure(text, subject) ?? byStatus(status, subject);
}

/** True for an engine error with this HTTP status. */
export function hasStatus(error: unknown, ...statuses: number[]): boolean {
  const status = statusOf(error);
  return status !== undefined && statuses.includes(status);
}

function startFailure(text: string, subject: string): PaasError | undefined {
  if (/address already in use/i.test(text)) {
    return new PaasError('conflict', `The address of ${subject} is still in use.`);
  }
  if (/argument list too long/i.test(text)) {
    return new PaasError('invalid_params', 'The command or the config vars are too long to start a process.');
  }
  if (/unable to find (user|group)/i.test(text)) {
    return new PaasError('invalid_params', 'The image has no such user as its USER names.', {
      hint: 'Create the user in the Dockerfile, or name one that is in its /etc/passwd.',
    });
  }
  return undefined;
}

function byStatus(status: number, subject: string): PaasError {
  const cause = new Error(`engine answered ${status}`);
  if (status === 404) return new PaasError('not_found', `Couldn't find ${subject}.`, { cause });
  if (status === 409) {
    return new PaasError('conflict', `${capitalise(subject)} is in use or exists already.`, { cause });
  }
  if (status === 400) {
    return new PaasError('invalid_params', `The container engine refused ${subject}.`, { cause });
  }
  return new EngineFailedError('service_unavailable', `The container engine failed (${subject}).`, { cause });
}

function statusOf(error: unknown): number | undefined {
  if (typeof error !== 'object' || error === null || !('statusCode' in error)) return undefined;
  return typeof error.statusCode === 'number' ? error.statusCode : undefined;
}

function codeOf(error: unknown): string {
  if (typeof error !== 'object' || error === null || !('code' in error)) return 'no status';
  return String(error.code);
}

function capitalise(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
