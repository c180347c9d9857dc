// When a visitor's request may fail. The platform promises that nothing it does, and nothing that happens to paasd, the
// collector, the engine or the database, costs a request. So no operation and no such fault excuses one, on an app that is
// operated on as little as on one that is not. Excused is only what overlaps
// - the two seconds after HAProxy itself was killed (F26), until it answers again, for each app;
// - the five seconds after a dyno of that app was killed, removed or frozen from outside (F8). Where others served beside it,
//   only what had been given to it: one request of each visitor. All five: a worker of HAProxy that was replaced meanwhile
//   keeps a visitor's connection for one more request, and learns of the dyno's end last.

export interface Failure {
  readonly app: string;
  readonly visitor: string;
  /** When the request began and ended, by performance.now. */
  readonly from: number;
  readonly until: number;
  readonly text: string;
}

export interface Excuse {
  /** Undefined: every app. */
  readonly app: string | undefined;
  readonly from: number;
  /** Brought forward when what was hit is well again. */
  until: number;
  /** Failures of each visitor that it excuses. */
  readonly most: number;
}

/** Failures that nothing excuses. */
export function unexcused(failures: readonly Failure[], excuses: readonly Excuse[]): Failure[] {
  const used = new Map<Excuse, Map<string, number>>();
  return failures.filter((failure) => {
    const visitor = `${failure.app} ${failure.visitor}`;
    const usedBy = (excuse: Excuse) => used.get(excuse)?.get(visitor) ?? 0;
    const found = excuses.find(
      (excuse) =>
        (excuse.app === undefined || excuse.app === failure.app) &&
        failure.until >= excuse.from &&
        failure.from <= excuse.until &&
        usedBy(excuse) < excuse.most,
    );
    if (found === undefined) return true;
    used.set(found, (used.get(found) ?? new Map()).set(visitor, usedBy(found) + 1));
    return false;
  });
}
