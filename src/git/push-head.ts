// What a client says first in a push, read while it goes by on its way to git: whether its clone is shallow.

/** Reads along with the body of a push. */
export interface PushHead {
  read(chunk: Buffer): void;
  /**
   * False once all commands were read and no line said `shallow`: git then asks its pre-receive hook only when the whole
   * history of what was pushed is there.
   */
  mayBeShallow(): boolean;
}

/** Reads packet lines (gitprotocol-pack(5)) up to the flush packet that ends the commands. */
export function createPushHead(): PushHead {
  let state: 'reading' | 'shallow' | 'whole' = 'reading';
  let rest: Buffer = Buffer.alloc(0);
  // Bytes of a line that are still to come and say nothing.
  let skip = 0;

  return {
    read(chunk) {
      const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
      let at = skip;
      while (state === 'reading') {
        const line = readLine(bytes, at);
        if (line === 'incomplete') break;
        if (typeof line === 'number') at += line;
        else state = line;
      }
      rest = state === 'reading' ? bytes.subarray(at) : Buffer.alloc(0);
      skip = Math.max(0, at - bytes.length);
    },
    mayBeShallow: () => state !== 'whole',
  };
}

const SHALLOW = 'shallow ';

/** The length of the line that begins at `at`, or what it says. */
function readLine(bytes: Buffer, at: number): number | 'incomplete' | 'shallow' | 'whole' {
  const digits = bytes.toString('latin1', at, at + 4);
  if (digits.length < 4) return 'incomplete';
  // What is no line of git's may be anything.
  if (!/^[0-9a-f]{4}$/i.test(digits)) return 'shallow';
  const length = Number.parseInt(digits, 16);
  if (length < 4) return 'whole';
  const start = bytes.toString('latin1', at + 4, at + Math.min(length, 4 + SHALLOW.length));
  if (start === SHALLOW) return 'shallow';
  return start.length < Math.min(length - 4, SHALLOW.length) ? 'incomplete' : length;
}
