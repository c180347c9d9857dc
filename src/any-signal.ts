// `AbortSignal.any` holds its sources weakly: a time limit that nobody else keeps is collected, and never fires (Node.js
// issues 57736 and 65995). And a source that lives long keeps a little of each signal that was made of it.

import { setMaxListeners } from 'node:events';

export interface AnySignal extends Disposable {
  readonly signal: AbortSignal;
}

/** A signal that aborts with the first of these, for its reason. Dispose of it when nobody waits any more. */
export function anySignal(...sources: readonly AbortSignal[]): AnySignal {
  const any = new AbortController();
  const release = () => {
    for (const source of sources) source.removeEventListener('abort', look);
  };
  const look = () => {
    const first = sources.find((source) => source.aborted);
    if (first === undefined) return;
    release();
    any.abort(first.reason);
  };
  // Many may wait for one, such as the daemon's end; each is released.
  setMaxListeners(0, ...sources);
  for (const source of sources) source.addEventListener('abort', look);
  look();
  return { signal: any.signal, [Symbol.dispose]: release };
}
