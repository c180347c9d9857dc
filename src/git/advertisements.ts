// The answer to info/refs: what git says of a repository's refs and of itself. Many who push at once are told the same, and
// git takes as long to start for each of them as for a push: its answer is kept for as long as the files that it read say
// the same. docs/decisions/0180-what-a-push-asks-git.md

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { type GitPlace, readIfThere, runGit } from './repository.js';

/** What is asked. */
export interface Advertisement {
  readonly repository: string;
  readonly command: 'receive-pack' | 'upload-pack';
  /** `GIT_PROTOCOL`, or nothing. */
  readonly env: Readonly<Record<string, string>>;
}

interface Kept {
  readonly refs: string;
  /** Undefined when the refs moved while git ran. */
  readonly text: Promise<string | undefined>;
}

/** Another git may be installed meanwhile, or a broken object be repaired. */
const KEPT_MS = 10_000;
const MAX_LOOSE_REFS = 50;
const MAX_LENGTH = 64 * 1024;

/** Gives git's text as of a moment after the call, from a process or from one that ran before. Throws when git fails. */
export function createAdvertisements(place: GitPlace): (asked: Advertisement) => Promise<string> {
  const kept = new Map<string, Kept>();

  const askGit = ({ command, repository, env }: Advertisement) =>
    runGit(place, [command, '--stateless-rpc', '--http-backend-info-refs', repository], env);

  async function askFor(asked: Advertisement, refs: string): Promise<string | undefined> {
    const text = await askGit(asked);
    return readRefs(asked.repository) === refs ? text : undefined;
  }

  function keep(key: string, fresh: Kept): Kept {
    const drop = () => {
      if (kept.get(key) === fresh) kept.delete(key);
    };
    kept.set(key, fresh);
    setTimeout(drop, KEPT_MS).unref();
    fresh.text.then((text) => text ?? drop(), drop);
    return fresh;
  }

  return async (asked) => {
    const refs = readRefs(asked.repository);
    if (refs === undefined) return await askGit(asked);
    const key = JSON.stringify([asked.repository, asked.command, asked.env]);
    const present = kept.get(key);
    const found = present?.refs === refs ? present : keep(key, { refs, text: askFor(asked, refs) });
    return (await found.text) ?? (await askGit(asked));
  };
}

/** All that git reads of its refs (gitrepository-layout(5)), as one text; undefined when that is much. */
function readRefs(repository: string): string | undefined {
  const entries = readdirSync(join(repository, 'refs'), { recursive: true, withFileTypes: true });
  const loose = entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
  if (loose.length > MAX_LOOSE_REFS) return undefined;
  // Loose ones before packed ones, as they move.
  const paths = [...loose, ...['HEAD', 'packed-refs', 'shallow'].map((name) => join(repository, name))];
  const files: [string, string][] = [];
  for (const path of paths) files.push([path, readIfThere(path) ?? '']);
  const text = JSON.stringify(files);
  return text.length <= MAX_LENGTH ? text : undefined;
}
