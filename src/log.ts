// The daemon's own log: JSON lines on stdout, pretty on a terminal. Output of users' apps never goes through it.

import { type Logger, pino } from 'pino';

export type { Logger };

/** The root logger. Fields that may hold a secret are replaced by `[hidden]`. */
export function createLogger(options: { level: string; isTty: boolean; name: string }): Logger {
  return pino({
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
    ...(options.isTty && { transport: { target: 'pino-pretty' } }),
  });
}
