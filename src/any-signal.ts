// `AbortSignal.any` holds its sources weakly: a time limit that nobody else keeps is collected, and never fires
// (Node.js issues 57736 and 65995). Here they live as long as what was made of them.

const sources = new WeakMap<AbortSignal, readonly AbortSignal[]>();

/** A signal that aborts with the first of these, for its reason. */
export function anySignal(...signals: readonly AbortSignal[]): AbortSignal {
  const any = AbortSignal.any([...signals]);
  sources.set(any, signals);
  return any;
}
