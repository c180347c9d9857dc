// Which requests need none of the frontend's rules but those that say whose they are (pure): nothing in their head is
// refused, deleted or taken over from the client. It may take too few for ordinary, and never one too many: the others
// go through all rules.

/** A port of a Host header, without leading zeros beyond four digits. */
export const PORT = '(?:[0-9]{1,4}|[1-5][0-9]{4}|6[0-4][0-9]{3}|65[0-4][0-9]{2}|655[0-2][0-9]|6553[0-5])';

const NAME = '[a-z0-9-]+(?:\\.[a-z0-9-]+)*\\.?';

/** Beginnings of header lines that a rule looks for. */
const LOOKED_AT = [
  'x[-_](?:forwarded|real[-_]|request[-_])',
  'forwarded',
  'proxy',
  'upgrade:',
  'connection:(?! (?:keep-alive|close)\\r\\n)',
  `host:(?! ${NAME}(?::${PORT})?\\r\\n)`,
];

/**
 * Matches, in any case, what is not ordinary in a request's headers as HAProxy's `req.hdrs` gives them: `name: value` and
 * CRLF, names in lower case. The first are control bytes other than HTAB.
 */
export const NOT_ORDINARY = `[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\\x7f]|(?<![^\\n])(?:${LOOKED_AT.join('|')})`;

/** HAProxy's condition for an ordinary request. */
export const IS_ORDINARY = `{ req.ver 1.1 } !{ method CONNECT TRACE } !{ req.hdrs -m reg -i '${NOT_ORDINARY}' }`;
