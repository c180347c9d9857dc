// The access log: the line that HAProxy writes, and what becomes of it, Heroku's `heroku[router]` line (pure).
// Ordinary lines are read by access-log-reader.ts, which writes the same text.
// A line has all fields of fixed form first and the client's own text last. HAProxy lets neither blanks nor control
// characters into a request's target, so it stays one line of fields, and if it is cut then only the target is.

/** One request to an app, told the way Heroku's router does. */
export interface AccessLine {
  readonly appId: string;
  /** What follows `heroku[router]: `. One line, no control characters. */
  readonly text: string;
  /** False: the router answered by itself. */
  readonly reachedDyno: boolean;
  /** How long the dyno took for its first byte, or was waited for in vain; undefined for tunnels such as WebSockets. */
  readonly firstByteMs: number | undefined;
  /** What the client was sent; 499 when it did not wait for it. */
  readonly status: number;
}

// Counts up when the fields change: lines of another form, written around an upgrade, are not misread.
export const ACCESS_LOG_PREFIX = 'paas2';

/** HAProxy's `log-format`. https://docs.haproxy.org/2.6/configuration.html#8.2.4 */
export const ACCESS_LOG_FORMAT = [
  ACCESS_LOG_PREFIX,
  '%[var(txn.app)]',
  '%[var(txn.code)]',
  '%ts',
  '%ST',
  '%B',
  '%TR',
  '%Tw',
  '%Tc',
  '%Ta',
  '%Tr',
  '%s',
  '%HV',
  '%[var(sess.client)]',
  // 1 for TLS, which the one listener does not speak.
  '0',
  '%[var(txn.host)]',
  '%[var(txn.request_id)]',
  '%HM',
  '%HU',
].join(' ');

const DESCRIPTIONS: Record<string, string> = {
  H10: 'App crashed',
  H11: 'Backlog too deep',
  H12: 'Request timeout',
  H13: 'Connection closed without response',
  H14: 'No web processes running',
  H15: 'Idle connection',
  H17: 'Poorly formatted HTTP response',
  H18: 'Server Request Interrupted',
  H19: 'Backend connection timeout',
  H20: 'App boot timeout',
  H21: 'Backend connection refused',
  H22: 'Connection limit reached',
  H24: 'Forced close',
  H27: 'Client Request Interrupted',
  H28: 'Client Connection Idle',
  H80: 'Maintenance mode',
  H81: 'Blank app',
  H99: 'Platform error',
};

/** Codes that are nobody's fault: Heroku tells them as `at=info`. */
const INFO_CODES = new Set(['H27', 'H80', 'H81']);

/** HAProxy's own answers when a server fails; the client is answered 503 instead. */
const SERVER_FAILURES = new Set(['H11', 'H12', 'H13', 'H17', 'H19', 'H21', 'H99']);

const VISIBLE = /^[!#-[\]-~]*$/;
/** Longer methods and paths are cut. */
export const METHOD_LIMIT = 32;
export const PATH_LIMIT = 2048;

interface Fields {
  readonly app: string;
  readonly code: string;
  /** HAProxy's termination state: who ended it, and in which phase. */
  readonly end: string;
  readonly status: number;
  readonly bytes: string;
  readonly queueMs: number;
  readonly connectMs: number;
  readonly headersMs: number;
  readonly activeMs: number;
  /** Until the head of the dyno's answer; -1 when there was none. */
  readonly responseMs: number;
  readonly server: string;
  readonly version: string;
  readonly client: string;
  readonly isTls: boolean;
  readonly host: string;
  readonly requestId: string;
  readonly method: string;
  readonly path: string;
}

/** The app and the router line in one line of HAProxy; undefined when it is not about a request to an app. */
export function parseAccessLine(line: string): AccessLine | undefined {
  const fields = readFields(line);
  if (fields === undefined) return undefined;
  const code = fields.code === '-' ? errorCode(fields.end, fields.status, fields.server) : fields.code;
  const status = sentStatus(code, fields.status);
  return {
    appId: fields.app,
    text: routerText(fields, code, status),
    reachedDyno: reachedDyno(fields),
    firstByteMs: reachedDyno(fields) ? firstByteMs(fields) : undefined,
    status,
  };
}

/** Heroku's error code for how a request ended, or undefined when it went well. */
export function errorCode(end: string, status: number, server: string): string | undefined {
  const [who, when] = [end[0], end[1]];
  switch (who) {
    case 'C':
      return when === 'D' || when === 'L' ? undefined : 'H27';
    case 'c':
      return 'H28';
    case 's':
      return timeoutCode(when);
    case 'S':
      return abortCode(when, status, server);
    case 'P':
      return when === 'H' ? 'H17' : when === 'D' ? 'H18' : status >= 500 ? 'H99' : undefined;
    case 'K':
      return 'H24';
    case 'I':
    case 'R':
      return 'H99';
    case 'D':
    case 'U':
      return 'H18';
    default:
      return undefined;
  }
}

function timeoutCode(when: string | undefined): string | undefined {
  switch (when) {
    case 'Q':
      return 'H11';
    case 'C':
      return 'H19';
    case 'H':
      return 'H12';
    default:
      return 'H15';
  }
}

function abortCode(when: string | undefined, status: number, server: string): string | undefined {
  switch (when) {
    case 'C':
    case 'Q':
      return server === '<NOSRV>' ? 'H99' : 'H21';
    case 'H':
      return 'H13';
    case 'D':
    case 'L':
      // A server that ends a WebSocket without a word is no interruption.
      return status === 101 ? undefined : 'H18';
    default:
      return 'H13';
  }
}

function readFields(line: string): Fields | undefined {
  const parts = line.split(' ');
  const [prefix, app, code, end, status, bytes, headers, queue, connect, active, response] = parts;
  const [server, version, client, tls, host, requestId, method, target] = parts.slice(11);
  if (prefix !== ACCESS_LOG_PREFIX || app === undefined || app === '-' || method === undefined)
    return undefined;
  return {
    app,
    code: code ?? '-',
    end: end ?? '--',
    status: Number(status),
    bytes: bytes ?? '',
    headersMs: Number(headers),
    queueMs: Number(queue),
    connectMs: Number(connect),
    activeMs: Number(active),
    responseMs: Number(response),
    server: server ?? '<NOSRV>',
    version: version ?? '',
    client: client ?? '',
    isTls: tls === '1',
    host: host ?? '',
    requestId: requestId ?? '',
    method: method.slice(0, METHOD_LIMIT),
    path: readTarget(target ?? ''),
  };
}

function reachedDyno(f: Fields): boolean {
  return f.server !== '<NOSRV>' && f.code === '-';
}

function firstByteMs(f: Fields): number | undefined {
  if (f.responseMs >= 0) return f.status === 101 ? undefined : plus(f.connectMs) + f.responseMs;
  // The time was over, or the client's patience.
  const isWaiting = f.end === 'sH' || f.end === 'CH';
  return isWaiting ? plus(f.activeMs - plus(f.headersMs) - plus(f.queueMs)) : undefined;
}

function routerText(f: Fields, code: string | undefined, status: number): string {
  const at = code === undefined || INFO_CODES.has(code) ? 'info' : 'error';
  const reached = reachedDyno(f);
  const serviceMs = f.activeMs - plus(f.headersMs) - plus(f.queueMs) - plus(f.connectMs);
  return [
    `at=${at}`,
    ...(code === undefined ? [] : [`code=${code} desc="${DESCRIPTIONS[code] ?? 'Error'}"`]),
    `method=${plain(f.method)}`,
    `path="${quoted(f.path)}"`,
    `host=${plain(f.host)}`,
    `request_id=${plain(f.requestId)}`,
    `fwd="${plain(f.client)}"`,
    `dyno=${reached ? plain(dynoOf(f.server)) : ''}`,
    `connect=${reached && f.connectMs >= 0 ? `${f.connectMs + plus(f.queueMs)}ms` : ''}`,
    `service=${reached && f.connectMs >= 0 && f.activeMs >= 0 ? `${plus(serviceMs)}ms` : ''}`,
    `status=${status}`,
    `bytes=${reached ? plain(f.bytes) : ''}`,
    `protocol=${plain(protocol(f.version))}`,
    `tls=${f.isTls}`,
  ].join(' ');
}

function sentStatus(code: string | undefined, status: number): number {
  if (code === 'H27') return 499;
  return code !== undefined && SERVER_FAILURES.has(code) ? 503 : status;
}

/** `web.1` of `web.1-0123456789ab`. */
function dynoOf(server: string): string {
  return server.slice(0, Math.max(server.lastIndexOf('-'), 0)) || server;
}

/** The length of what `dynoOf` gives for the server's name in `bytes`. */
export function dynoLength(bytes: Uint8Array, from: number, to: number): number {
  for (let at = to - 1; at > from; at -= 1) if (bytes[at] === 0x2d) return at - from;
  return to - from;
}

/** `http1.1`, `http2`. */
function protocol(version: string): string {
  return version === 'HTTP/2.0' ? 'http2' : version.toLowerCase().replace('/', '');
}

function plus(ms: number): number {
  return Math.max(ms, 0);
}

/** The path of a request's target, which HAProxy writes with `#22` for a quotation mark. */
function readTarget(target: string): string {
  const path = target.startsWith('/') ? target : target.replace(/^[a-z][a-z0-9+.-]*:\/\/[^/?]*/i, '');
  return path.includes('#')
    ? path.replace(/#([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)))
    : path;
}

/** A text between double quotes: control characters, quotes and what reorders text are escaped. */
function quoted(text: string): string {
  const short = text.length > PATH_LIMIT ? `${text.slice(0, PATH_LIMIT)}...` : text;
  return short.replace(
    /["\\\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => {
      return c === '"' || c === '\\' ? `\\${c}` : `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`;
    },
  );
}

/** A text without quotes around it: nothing but visible ASCII, and no blank that would begin another field. */
function plain(text: string): string {
  return VISIBLE.test(text) ? text : text.replace(/[^\x21-\x7e]|["\\]/g, '?');
}
