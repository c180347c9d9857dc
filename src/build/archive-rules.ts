// What a source archive may hold, entry by entry. Pure: it sees headers only and remembers what it saw.

import { PaasError, quoteValue } from '../errors.js';

/** The part of a tar header that counts. */
export interface ArchiveEntry {
  readonly name: string;
  readonly type: string | null | undefined;
  readonly mode: number | undefined;
  readonly linkname: string | null | undefined;
}

const MAX_ENTRIES = 200_000;
const MAX_DEPTH = 256;
const MAX_PATH_BYTES = 4096;
const MAX_NAME_BYTES = 255;
const MAX_LINK_HOPS = 40;

type Known = { kind: 'file' | 'directory' } | { kind: 'symlink'; target: string };

/**
 * Takes the entries of one archive in order. Throws PaasError `invalid_archive` (or `payload_too_large` for too many
 * entries) naming the entry. `allowLinksOut` is for trees out of git, which are unpacked into a container only.
 */
export class ArchiveRules {
  readonly #known = new Map<string, Known>();
  readonly #allowLinksOut: boolean;
  #count = 0;
  #top: string | undefined;
  #hasOneTop = true;

  constructor(options: { allowLinksOut: boolean }) {
    this.#allowLinksOut = options.allowLinksOut;
  }

  /** The entry's path without `./`; undefined for the root itself and for what is left out (`.git`). */
  accept(entry: ArchiveEntry): string | undefined {
    this.#count += 1;
    if (this.#count > MAX_ENTRIES) {
      throw new PaasError('payload_too_large', `The archive has more than ${MAX_ENTRIES} entries.`, {
        hint: 'Leave out what the build makes again, such as node_modules.',
      });
    }
    const parts = pathParts(entry);
    // `./x` says that the archive's root is meant; then there is no folder to strip.
    if (entry.name.startsWith('./') || entry.name === '.') this.#hasOneTop = false;
    if (parts.length === 0 || parts.includes('.git')) return undefined;
    this.#noteTop(parts, entry.type);
    this.#checkParents(parts, entry);
    this.#remember(parts.join('/'), entry);
    return parts.join('/');
  }

  /** To be called after the last entry: checks where the links lead. Returns how many leading folders to strip. */
  finish(): { strip: 0 | 1 } {
    if (this.#known.size === 0) throw new PaasError('invalid_archive', 'The archive has no files.');
    if (!this.#allowLinksOut) {
      for (const [path, known] of this.#known) {
        if (known.kind === 'symlink') this.#checkLink(path);
      }
    }
    return { strip: this.#hasOneTop ? 1 : 0 };
  }

  #noteTop(parts: readonly string[], type: ArchiveEntry['type']): void {
    const isAtTop = parts.length === 1 && type !== 'directory';
    if (isAtTop || (this.#top !== undefined && this.#top !== parts[0])) this.#hasOneTop = false;
    this.#top = parts[0];
  }

  #checkParents(parts: readonly string[], entry: ArchiveEntry): void {
    for (let depth = 1; depth < parts.length; depth += 1) {
      const parent = parts.slice(0, depth).join('/');
      const known = this.#known.get(parent);
      if (known === undefined) this.#known.set(parent, { kind: 'directory' });
      else if (known.kind !== 'directory') {
        throw refused(entry, `lies below ${quoteValue(parent)}, which is a ${known.kind}`);
      }
    }
  }

  #remember(path: string, entry: ArchiveEntry): void {
    const before = this.#known.get(path);
    const kind = kindOf(entry);
    if (before !== undefined && !(before.kind === 'directory' && kind === 'directory')) {
      throw refused(entry, 'is there twice');
    }
    if (kind === 'link') {
      const target = (entry.linkname ?? '').replace(/^(\.\/)+/, '');
      if (this.#known.get(target)?.kind !== 'file') {
        throw refused(
          entry,
          `is a hard link to ${quoteValue(target)}, which is no file before it in the archive`,
        );
      }
      this.#known.set(path, { kind: 'file' });
    } else if (kind === 'symlink') {
      this.#known.set(path, { kind, target: entry.linkname ?? '' });
    } else {
      this.#known.set(path, { kind });
    }
  }

  // Goes the way that the kernel would, through other links of the archive too.
  #checkLink(path: string): void {
    const at: string[] = [];
    const ahead = path.split('/').filter(isStep);
    for (let hops = 0; ahead.length > 0 && hops <= MAX_LINK_HOPS; ) {
      const part = ahead.shift() ?? '';
      const known = this.#known.get([...at, part].join('/'));
      if (part === '..') {
        if (at.pop() === undefined) throw leavesRoot(path);
      } else if (known?.kind === 'symlink') {
        if (known.target.startsWith('/')) throw leavesRoot(path);
        hops += 1;
        ahead.unshift(...known.target.split('/').filter(isStep));
      } else {
        at.push(part);
      }
    }
  }
}

function isStep(part: string): boolean {
  return part !== '' && part !== '.';
}

function leavesRoot(path: string): PaasError {
  return new PaasError(
    'invalid_archive',
    `The archive entry ${quoteValue(path)} is a link that leaves the root.`,
  );
}

function pathParts(entry: ArchiveEntry): string[] {
  const { name } = entry;
  if (/[\u0000-\u001f\u007f]/.test(name)) throw refused(entry, 'has a control character in its name');
  if (name.includes('\ufffd')) throw refused(entry, 'has a name that is not UTF-8');
  if (name.startsWith('/')) throw refused(entry, 'has an absolute path');
  if (Buffer.byteLength(name) > MAX_PATH_BYTES)
    throw refused(entry, `has a path over ${MAX_PATH_BYTES} bytes`);
  const parts = name.split('/').filter((part) => part !== '' && part !== '.');
  if (parts.includes('..')) throw refused(entry, 'leaves the root');
  if (parts.length > MAX_DEPTH) throw refused(entry, `is more than ${MAX_DEPTH} folders deep`);
  if (parts.some((part) => Buffer.byteLength(part) > MAX_NAME_BYTES)) {
    throw refused(entry, `has a name over ${MAX_NAME_BYTES} bytes`);
  }
  return parts;
}

function kindOf(entry: ArchiveEntry): 'file' | 'directory' | 'symlink' | 'link' {
  switch (entry.type) {
    case 'file':
    case 'contiguous-file':
      if (((entry.mode ?? 0) & 0o6000) !== 0) throw refused(entry, 'has the setuid or setgid bit');
      return 'file';
    case 'directory':
    case 'symlink':
    case 'link':
      return entry.type;
    case 'fifo':
    case 'character-device':
    case 'block-device':
      throw refused(entry, `is a ${entry.type.replace('-', ' ')}`);
    default:
      throw refused(entry, 'is neither a file, a directory nor a link');
  }
}

function refused(entry: ArchiveEntry, why: string): PaasError {
  return new PaasError('invalid_archive', `The archive entry ${quoteValue(entry.name)} ${why}.`);
}
