// User-facing errors. Whatever a user can cause or mend is thrown as a PaasError; anything else is a bug.

/** Error ids a client can match on; Heroku's where one exists. `docs/errors.md` lists each with its cause. */
export type ErrorId =
  | 'bad_request'
  | 'invalid_json'
  | 'unknown_field'
  | 'unauthorized'
  | 'forbidden'
  | 'not_found'
  | 'request_timeout'
  | 'conflict'
  | 'gone'
  | 'payload_too_large'
  | 'uri_too_long'
  | 'unsupported_media_type'
  | 'range_not_satisfiable'
  | 'invalid_params'
  | 'invalid_app_name'
  | 'invalid_archive'
  | 'invalid_procfile'
  | 'build_failed'
  | 'build_canceled'
  | 'rate_limit'
  | 'internal_server_error'
  | 'service_unavailable'
  | 'storage_full';

/** HTTP status of each error id. */
export const ERROR_STATUS: Readonly<Record<ErrorId, number>> = {
  bad_request: 400,
  invalid_json: 400,
  unknown_field: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  request_timeout: 408,
  conflict: 409,
  gone: 410,
  payload_too_large: 413,
  uri_too_long: 414,
  unsupported_media_type: 415,
  range_not_satisfiable: 416,
  invalid_params: 422,
  invalid_app_name: 422,
  invalid_archive: 422,
  invalid_procfile: 422,
  build_failed: 422,
  build_canceled: 409,
  rate_limit: 429,
  internal_server_error: 500,
  service_unavailable: 503,
  storage_full: 507,
};

/** An error a user can understand and act on: what happened (with the name in it) and the next thing to do. */
export class PaasError extends Error {
  override readonly name = 'PaasError';
  readonly id: ErrorId;
  /** HTTP status of the reply. */
  readonly status: number;
  /** The next command to type, or the rule that was broken. */
  readonly hint: string | undefined;
  /** Seconds until a retry makes sense (429 and 503 only). */
  readonly retryAfterSeconds: number | undefined;

  constructor(
    id: ErrorId,
    message: string,
    options: { hint?: string; cause?: unknown; retryAfterSeconds?: number } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.id = id;
    this.status = ERROR_STATUS[id];
    this.hint = options.hint;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

const SHORTAGES: readonly unknown[] = ['EAGAIN', 'EMFILE', 'ENFILE'];

/** What to answer when the system has no process or open file left, be it a cause of this error; undefined otherwise. */
export function shortageOf(error: unknown): PaasError | undefined {
  for (let at = error; at instanceof Error; at = at.cause) {
    if (!('code' in at) || !SHORTAGES.includes(at.code)) continue;
    return new PaasError('service_unavailable', 'The server has no room for one more process or open file.', {
      hint: 'Try again in a moment. The operator raises the limits of paasd (TasksMax, LimitNOFILE).',
      retryAfterSeconds: 5,
      cause: error,
    });
  }
  return undefined;
}

/** A user's value made fit for an error text: control characters escaped, at most 64 characters, quoted. */
export function quoteValue(value: string): string {
  const short = value.length > 64 ? `${value.slice(0, 61)}...` : value;
  return JSON.stringify(short).replace(/[\u007f-\u009f\u2028\u2029]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** Ends an exhaustive `switch`: reaching it is a bug that the compiler reports first. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value ${JSON.stringify(value)}`);
}
