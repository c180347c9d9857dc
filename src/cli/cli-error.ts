// What the `paas` command tells its user when something did not work.

/** A failure with its text, the next thing to type, and the exit code (1 failed, 2 wrong usage, 127 no such command). */
export class CliError extends Error {
  override readonly name: string = 'CliError';
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(
    message: string,
    options: { hint?: string | undefined; exitCode?: number; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.hint = options.hint;
    this.exitCode = options.exitCode ?? 1;
  }
}

/** An error that the server answered: its id, message and hint are passed through unchanged. */
export class ApiError extends CliError {
  override readonly name = 'ApiError';
  readonly id: string;
  readonly status: number;

  constructor(reply: { id: string; status: number; message: string; hint?: string | undefined }) {
    super(reply.message, { hint: reply.hint });
    this.id = reply.id;
    this.status = reply.status;
  }
}

/** The command line itself is wrong: exit code 2. */
export function usageError(message: string, hint?: string): CliError {
  return new CliError(message, { exitCode: 2, hint });
}

/** The error's system code (`ENOENT`, `ECONNREFUSED`), or undefined. */
export function errorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}
