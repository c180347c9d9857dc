// Which pushes deploy, and which are refused before anything is built. Pure.

import { PaasError } from '../errors.js';

/** One line of a push: a ref, what it was for the pusher, and what it is to be. */
export interface RefUpdate {
  readonly oldId: string;
  readonly newId: string;
  readonly ref: string;
}

export type Verdict =
  /** Build and release this commit. Tags that came along are kept. */
  | { readonly kind: 'deploy'; readonly update: RefUpdate }
  /** Nothing to build (only tags): the refs are kept. */
  | { readonly kind: 'keep'; readonly lines: readonly string[] }
  | { readonly kind: 'refuse'; readonly lines: readonly string[] };

/** The branches whose push is a deploy. */
export const DEPLOY_REFS = ['refs/heads/main', 'refs/heads/master'];

const MAX_UPDATES = 500;
const MAX_REF_LENGTH = 200;
const NO_OBJECT = /^0+$/;

/** What becomes of a push. `remote` is the name to show in commands. */
export function judgePush(updates: readonly RefUpdate[]): Verdict {
  if (updates.length > MAX_UPDATES) {
    return refuse(`This push has ${updates.length} refs; at most ${MAX_UPDATES} are taken at once.`);
  }
  const odd = updates.find(({ ref }) => !isPlainRef(ref));
  if (odd !== undefined) {
    return refuse(
      `The ref ${show(odd.ref)} has a name that is not taken here.`,
      `Names have letters, digits and . _ / - only, and at most ${MAX_REF_LENGTH} characters.`,
    );
  }
  const deleted = updates.find(({ newId }) => NO_OBJECT.test(newId));
  if (deleted !== undefined) {
    return refuse(`${deleted.ref} cannot be deleted.`, 'To remove the app itself: paas apps:destroy');
  }
  const other = updates.find(({ ref }) => !DEPLOY_REFS.includes(ref) && !ref.startsWith('refs/tags/'));
  if (other !== undefined) return refuseBranch(other.ref);
  const [update, second] = updates.filter(({ ref }) => DEPLOY_REFS.includes(ref));
  if (second !== undefined)
    return refuse('main and master cannot be pushed together: push the one to deploy.');
  if (update !== undefined) return { kind: 'deploy', update };
  return {
    kind: 'keep',
    lines: [
      ' !     Tags are kept, but only a push to main or master is deployed.',
      ' !     To deploy a tag: git push REMOTE TAG^{}:main',
    ],
  };
}

/** Why a push is not built whose branch went elsewhere while it waited. */
export function staleError(ref: string): PaasError {
  return new PaasError('conflict', `Another push moved ${branchOf(ref)} while this one waited.`, {
    hint: 'Nothing was built. Fetch and merge, then push again.',
  });
}

/** What the pusher is told who pushed something that is no commit. */
export function notCommitLines(ref: string): string[] {
  return [
    ` !     Push rejected: what was pushed to ${branchOf(ref)} is a tag, not a commit.`,
    ` !     Push the commit it names: git push REMOTE TAG^{}:${branchOf(ref)}`,
  ];
}

function branchOf(ref: string): string {
  return ref.replace('refs/heads/', '');
}

function refuseBranch(ref: string): Verdict {
  if (!ref.startsWith('refs/heads/'))
    return refuse(`${ref} is not taken here: only main and master are deployed.`);
  const branch = branchOf(ref);
  return refuse(
    `Push rejected: only main and master are deployed, not ${branch}.`,
    `To deploy this branch: git push REMOTE ${branch}:main`,
  );
}

function refuse(...lines: string[]): Verdict {
  return { kind: 'refuse', lines: lines.map((line) => ` !     ${line}`) };
}

function isPlainRef(ref: string): boolean {
  const isPlain = ref.length <= MAX_REF_LENGTH && /^refs\/[A-Za-z0-9._/-]+$/.test(ref) && !ref.endsWith('\n');
  // A part that begins with a dash could be taken for an option by whoever copies it.
  return isPlain && !ref.includes('/-') && !ref.includes('..');
}

function show(ref: string): string {
  const short = ref.length > 64 ? `${ref.slice(0, 61)}...` : ref;
  return JSON.stringify(short);
}
