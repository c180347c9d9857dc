// From the bytes of the access log to each app's router lines and counts. At full load every request of every app comes
// by here, on the cores that the apps want too: an ordinary line goes from bytes to bytes, without a string or an
// object of its own. Whatever is not ordinary is left to access-log.ts, which says what a line means.

import { ACCESS_LOG_PREFIX, dynoLength, METHOD_LIMIT, PATH_LIMIT, parseAccessLine } from './access-log.js';
import { copy, isSame, putNumber, readNumber, startsWith } from './line-bytes.js';

/** What one look into the access log brought of one app. */
export interface AppAccess {
  readonly appId: string;
  /** Its router lines (`AccessLine.text`), each ended by LF. */
  readonly text: Buffer;
  readonly lineCount: number;
  /** Requests that reached a dyno. */
  readonly reached: number;
  /** Answers by the first digit of their status, 1 to 5, at its place less one. */
  readonly classes: readonly number[];
  /** `AccessLine.firstByteMs`, where it is known. */
  readonly firstByteMs: readonly number[];
}

/** An app's lines while they are read; used again for the next look. */
interface Open {
  readonly appId: string;
  text: Buffer;
  length: number;
  lineCount: number;
  reached: number;
  classes: number[];
  firstByteMs: number[];
}

/** HAProxy cuts its lines at 4096 bytes; what is longer and has no end is none of them. */
const LINE_LIMIT = 8192;
/** Labels and computed numbers of a line, beside what it takes from HAProxy's. */
const MAX_ADDED = 256;
const FIRST_CAPACITY = 4096;
/** What is kept for the next look. */
const MAX_KEPT_APPS = 32;
const MAX_KEPT_BYTES = 1024 * 1024;

const LF = 0x0a;
const ONE = 0x31;
const DASH = 0x2d;
const LESS_THAN = 0x3c;
const SLASH = 0x2f;
const FIELDS = 19;
/** The place of each field of `ACCESS_LOG_FORMAT`. */
const AT = {
  app: 1,
  code: 2,
  end: 3,
  status: 4,
  bytes: 5,
  headers: 6,
  queue: 7,
  connect: 8,
  active: 9,
  response: 10,
  server: 11,
  version: 12,
  client: 13,
  tls: 14,
  host: 15,
  requestId: 16,
  method: 17,
  path: 18,
} as const;

const ORDINARY = 0;
const BLANK = 1;
const END = 2;
const ODD = 3;
/** What a byte is: visible and the same inside quotation marks and out, a blank, the end of a line, or none of these. */
const KIND = Uint8Array.from({ length: 256 }, (_, byte) => {
  if (byte === 0x20) return BLANK;
  if (byte === LF) return END;
  return byte < 0x21 || byte > 0x7e || '"\\#'.includes(String.fromCharCode(byte)) ? ODD : ORDINARY;
});

const PREFIX = Buffer.from(`${ACCESS_LOG_PREFIX} `);
const VERSION = Buffer.from('HTTP/1.1 ');
const LABEL = {
  method: Buffer.from('at=info method='),
  path: Buffer.from(' path="'),
  host: Buffer.from('" host='),
  requestId: Buffer.from(' request_id='),
  fwd: Buffer.from(' fwd="'),
  dyno: Buffer.from('" dyno='),
  connect: Buffer.from(' connect='),
  service: Buffer.from('ms service='),
  status: Buffer.from('ms status='),
  bytes: Buffer.from(' bytes='),
  http: Buffer.from(' protocol=http1.1 tls=false\n'),
  https: Buffer.from(' protocol=http1.1 tls=true\n'),
};

/** Reads the log piece by piece. */
export class AccessLogReader {
  readonly #apps = new Map<string, Open>();
  readonly #starts = new Int32Array(FIELDS + 1);
  #newest: Open | undefined;

  /**
   * Takes the whole lines in the first `size` bytes. `taken` says up to where; what is behind it is the beginning of a
   * line and has to be given again, in front of the next bytes.
   */
  read(bytes: Buffer, size: number): { batch: AppAccess[]; taken: number } {
    let from = 0;
    while (from < size) {
      let end = scanOrdinary(bytes, from, size, this.#starts);
      if (end < 0 || !this.#takeOrdinary(bytes, from, end)) {
        end = bytes.indexOf(LF, from);
        if (end < 0 || end >= size) break;
        this.#takeOther(bytes.toString('latin1', from, end));
      }
      from = end + 1;
    }
    return { batch: this.#close(), taken: size - from > LINE_LIMIT ? size : from };
  }

  /**
   * Takes a line that `scanOrdinary` has gone over, up to `end`. False when it is not an ordinary one: then nothing has
   * happened. Flat, without functions of its own: those would be made anew for each line.
   */
  #takeOrdinary(bytes: Buffer, from: number, end: number): boolean {
    const starts = this.#starts;
    if (!isOrdinary(bytes, from, end, starts)) return false;
    const connectMs = readNumber(bytes, at(starts, AT.connect));
    const responseMs = readNumber(bytes, at(starts, AT.response));
    const activeMs = readNumber(bytes, at(starts, AT.active));
    const status = readNumber(bytes, at(starts, AT.status));
    // A tunnel, or an answer that never began.
    if (connectMs < 0 || responseMs < 0 || activeMs < 0 || status < 200 || status > 599) return false;
    const queueMs = Math.max(readNumber(bytes, at(starts, AT.queue)), 0);
    const headersMs = Math.max(readNumber(bytes, at(starts, AT.headers)), 0);
    const open = this.#openFor(bytes, at(starts, AT.app), at(starts, AT.code) - 1);
    const out = room(open, end - from + MAX_ADDED);
    const dyno = at(starts, AT.server);
    const dynoEnd = dyno + dynoLength(bytes, dyno, at(starts, AT.version) - 1);
    let to = putField(LABEL.method, bytes, starts, AT.method, out, open.length);
    to = putField(LABEL.path, bytes, starts, AT.path, out, to);
    to = putField(LABEL.host, bytes, starts, AT.host, out, to);
    to = putField(LABEL.requestId, bytes, starts, AT.requestId, out, to);
    to = putField(LABEL.fwd, bytes, starts, AT.client, out, to);
    to = copy(LABEL.dyno, 0, LABEL.dyno.length, out, to);
    to = copy(bytes, dyno, dynoEnd, out, to);
    to = copy(LABEL.connect, 0, LABEL.connect.length, out, to);
    to = putNumber(connectMs + queueMs, out, to);
    to = copy(LABEL.service, 0, LABEL.service.length, out, to);
    to = putNumber(Math.max(activeMs - headersMs - queueMs - connectMs, 0), out, to);
    to = putField(LABEL.status, bytes, starts, AT.status, out, to);
    to = putField(LABEL.bytes, bytes, starts, AT.bytes, out, to);
    const protocol = bytes[at(starts, AT.tls)] === ONE ? LABEL.https : LABEL.http;
    open.length = copy(protocol, 0, protocol.length, out, to);
    count(open, status, true, connectMs + responseMs);
    return true;
  }

  #takeOther(line: string): void {
    const parsed = parseAccessLine(line);
    if (parsed === undefined) return;
    const open = this.#open(parsed.appId);
    const text = `${parsed.text}\n`;
    const out = room(open, text.length * 3);
    open.length += out.write(text, open.length);
    count(open, parsed.status, parsed.reachedDyno, parsed.firstByteMs);
  }

  /** Most often the app of the line before. */
  #openFor(bytes: Buffer, from: number, to: number): Open {
    const newest = this.#newest;
    if (newest !== undefined && isSame(newest.appId, bytes, from, to)) return newest;
    return this.#open(bytes.toString('latin1', from, to));
  }

  #open(appId: string): Open {
    let open = this.#apps.get(appId);
    if (open === undefined) {
      open = { appId, text: Buffer.allocUnsafe(FIRST_CAPACITY), ...nothing() };
      this.#apps.set(appId, open);
    }
    this.#newest = open;
    return open;
  }

  #close(): AppAccess[] {
    const batch: AppAccess[] = [];
    for (const open of this.#apps.values()) {
      if (open.lineCount === 0) continue;
      const { appId, lineCount, reached, classes, firstByteMs } = open;
      const text = Buffer.from(open.text.subarray(0, open.length));
      batch.push({ appId, text, lineCount, reached, classes, firstByteMs });
      Object.assign(open, nothing());
    }
    const isBig = [...this.#apps.values()].some(({ text }) => text.length > MAX_KEPT_BYTES);
    if (isBig || this.#apps.size > MAX_KEPT_APPS) {
      this.#apps.clear();
      this.#newest = undefined;
    }
    return batch;
  }
}

function nothing(): Omit<Open, 'appId' | 'text'> {
  return { length: 0, lineCount: 0, reached: 0, classes: [0, 0, 0, 0, 0], firstByteMs: [] };
}

function count(open: Open, status: number, reached: boolean, firstByteMs: number | undefined): void {
  open.lineCount += 1;
  if (reached) open.reached += 1;
  const place = Math.floor(status / 100) - 1;
  if (place >= 0 && place < open.classes.length) open.classes[place] = (open.classes[place] ?? 0) + 1;
  if (firstByteMs !== undefined) open.firstByteMs.push(firstByteMs);
}

/**
 * Fills in `starts` for the line that begins at `from`. Gives where it ends; -1 when it has not as many fields as each line, or
 * a byte that is written otherwise, or no end before `size`.
 */
function scanOrdinary(bytes: Buffer, from: number, size: number, starts: Int32Array): number {
  let field = 0;
  starts[0] = from;
  for (let place = from; place < size; place += 1) {
    const kind = KIND[bytes[place] ?? 0];
    if (kind === ORDINARY) continue;
    field += 1;
    starts[field] = place + 1;
    if (kind === END) return field === FIELDS ? place : -1;
    if (kind === ODD || field === FIELDS) return -1;
  }
  return -1;
}

/** Whether a dyno has answered and all went well. */
function isOrdinary(bytes: Buffer, from: number, end: number, starts: Int32Array): boolean {
  return (
    startsWith(bytes, from, PREFIX) &&
    !isEmpty(bytes, starts, AT.app) &&
    isEmpty(bytes, starts, AT.code) &&
    bytes[at(starts, AT.end)] === DASH &&
    bytes[at(starts, AT.end) + 1] === DASH &&
    bytes[at(starts, AT.server)] !== LESS_THAN &&
    startsWith(bytes, at(starts, AT.version), VERSION) &&
    at(starts, AT.path) - at(starts, AT.method) <= METHOD_LIMIT &&
    end - at(starts, AT.path) <= PATH_LIMIT &&
    bytes[at(starts, AT.path)] === SLASH
  );
}

function at(starts: Int32Array, field: number): number {
  return starts[field] ?? 0;
}

function isEmpty(bytes: Buffer, starts: Int32Array, field: number): boolean {
  return bytes[at(starts, field)] === DASH && at(starts, field + 1) - at(starts, field) === 2;
}

/** The label and the field behind it. */
function putField(
  label: Buffer,
  bytes: Buffer,
  starts: Int32Array,
  field: number,
  out: Buffer,
  to: number,
): number {
  const labelled = copy(label, 0, label.length, out, to);
  return copy(bytes, at(starts, field), at(starts, field + 1) - 1, out, labelled);
}

/** The text of `open` with at least `size` free bytes. */
function room(open: Open, size: number): Buffer {
  const wanted = open.length + size;
  if (open.text.length < wanted) {
    const larger = Buffer.allocUnsafe(Math.max(wanted, open.text.length * 2));
    open.text.copy(larger, 0, 0, open.length);
    open.text = larger;
  }
  return open.text;
}
