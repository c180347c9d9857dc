// What an exit status means, for people. Pure.

const MEANINGS: Readonly<Record<number, string>> = {
  0: 'it ended by itself, without an error',
  1: 'it reported an error',
  2: 'it reported an error, often wrong arguments',
  126: 'the command was found but cannot be executed',
  127: 'command not found',
};

const SIGNALS: Readonly<Record<number, string>> = {
  1: 'SIGHUP',
  2: 'SIGINT',
  3: 'SIGQUIT',
  4: 'SIGILL, an illegal instruction',
  6: 'SIGABRT, it gave up by itself',
  7: 'SIGBUS',
  8: 'SIGFPE, an arithmetic error',
  9: 'SIGKILL, it was killed',
  11: 'SIGSEGV, a segmentation fault',
  13: 'SIGPIPE',
  15: 'SIGTERM, it was told to end',
};

/** Such as `command not found`. A shell gives 128 and the signal's number. */
export function meaningOf(code: number): string {
  const signal = code > 128 ? SIGNALS[code - 128] : undefined;
  return MEANINGS[code] ?? signal ?? 'a status of its own';
}
