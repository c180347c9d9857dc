// What a committed transaction changed, told to the loop and to whoever else must react.

import type { Announcement, Database } from '../db/database.js';
import type { AppId } from '../ids.js';

export type ChangeKind =
  | 'app-created'
  | 'app-changed'
  | 'app-destroyed'
  | 'release-created'
  | 'release-changed'
  | 'formation-changed'
  | 'dyno-wish'
  | 'domains-changed'
  | 'checks-changed'
  | 'build-changed';

export interface Change extends Announcement {
  readonly kind: ChangeKind;
  readonly appId: AppId;
}

/** Calls `listener` for each change of a noun after its commit. Returns the way to stop that. */
export function onChange(db: Database, listener: (change: Change) => void): () => void {
  // Only platform/ announces, and only changes of this form.
  return db.onChange((change) => listener(change as Change));
}
