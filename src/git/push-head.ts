// What a client says first in a push, read while it goes by on its way to git: which refs are to name what, and whether its
// clone is shallow.

import type { RefUpdate } from './push-rules.js';

/** Reads along with the body of a push. */
export interface PushHead {
  read(chunk: Buffer): void;
  /** Whether nothing of what comes is of interest any more. */
  isRead(): boolean;
  /**
   * False once all commands were read and no line said `shallow`: git then asks its pre-receive hook only when the whole
   * history of what was pushed is there.
   */
  mayBeShallow(): boolean;
  /** Undefined until all were read, and when they are not what git sends. */
  commands(): PushCommands | undefined;
}

export interface PushCommands {
  readonly updates: readonly RefUpdate[];
  /** Words by which the client says what it understands (gitprotocol-capabilities(5)). */
  readonly capabilities: readonly string[];
}

/** What a client may say before we leave it to git to read it. A push has 500 refs at most (push-rules.ts). */
const MAX_BYTES = 256 * 1024;
const MAX_LINE = 4096;
const SHALLOW = 'shallow ';

/** Reads packet lines (gitprotocol-pack(5)) up to the flush packet that ends the commands. */
export function createPushHead(): PushHead {
  let state: 'reading' | 'read' | 'odd' = 'reading';
  let rest: Buffer = Buffer.alloc(0);
  let bytesRead = 0;
  const lines: string[] = [];

  function readLine(bytes: Buffer, at: number): number | undefined {
    if (bytes.length < at + 4) return undefined;
    const digits = bytes.toString('latin1', at, at + 4);
    const length = /^[0-9a-f]{4}$/i.test(digits) ? Number.parseInt(digits, 16) : Number.NaN;
    // What is no line of git's may be anything.
    if (!(length <= MAX_LINE) || bytesRead > MAX_BYTES) state = 'odd';
    else if (length < 4) state = 'read';
    if (state !== 'reading' || bytes.length < at + length) return undefined;
    lines.push(bytes.toString('utf8', at + 4, at + length));
    return length;
  }

  return {
    read(chunk) {
      if (state !== 'reading') return;
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = 0;
      for (let length = readLine(bytes, at); length !== undefined; length = readLine(bytes, at)) {
        at += length;
        bytesRead += length;
      }
      rest = state === 'reading' ? bytes.subarray(at) : Buffer.alloc(0);
    },
    isRead: () => state !== 'reading',
    mayBeShallow: () => state !== 'read' || lines.some((line) => line.startsWith(SHALLOW)),
    commands: () => (state === 'read' ? parseCommands(lines) : undefined),
  };
}

function parseCommands(lines: readonly string[]): PushCommands | undefined {
  const [first = '', ...others] = lines.filter((line) => !line.startsWith(SHALLOW));
  if (first === '') return { updates: [], capabilities: [] };
  const [command = '', capabilities = ''] = first.split('\0');
  const updates: RefUpdate[] = [];
  for (const line of [command, ...others]) {
    const [, oldId, newId, ref] = /^([0-9a-f]{40,64}) ([0-9a-f]{40,64}) ([^\0\n]+)\n?$/.exec(line) ?? [];
    if (oldId === undefined || newId === undefined || ref === undefined) return undefined;
    updates.push({ oldId, newId, ref });
  }
  return { updates, capabilities: capabilities.trim().split(' ') };
}
