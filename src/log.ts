// The daemon's own log: JSON lines on stdout, pretty on a terminal. Output of users' apps never goes through it.

import { type Logger, pino } from 'pino';

export type { Logger };

/** Characters that may wait for a disk that takes none. */
const MAX_UNWRITTEN = 1024 * 1024;

/** The root logger. Fields that may hold a secret are replaced by `[hidden]`. */
export function createLogger(options: { level: string; isTty: boolean; name: string }): Logger {
  const settings = {
    name: options.name,
    level: options.level,
    redact: {
      paths: [
        'password',
        'token',
        'config',
        'env',
        '*.password',
        '*.token',
        '*.config',
        '*.env',
        'req.headers.authorization',
        'req.headers.cookie',
      ],
      censor: '[hidden]',
    },
  };
  if (options.isTty) return pino({ ...settings, transport: { target: 'pino-pretty' } });
  const output = pino.destination({ dest: 1, sync: true, maxLength: MAX_UNWRITTEN });
  // A full disk: what is to be said is lost, which must not end who says it.
  output.on('error', () => undefined);
  return pino(settings, output);
}
