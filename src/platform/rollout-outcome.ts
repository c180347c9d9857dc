/** How bringing a release live ended. Whatever it was, the release exists. */
export type RolloutOutcome =
  /** Every wanted dyno of it is up. */
  | { readonly kind: 'live' }
  /** Its release command failed, or could not run: the release before it goes on. */
  | {
      readonly kind: 'release-phase-failed';
      /** Undefined when it did not run, or ended in the time of an earlier daemon. */
      readonly exitCode: number | undefined;
    }
  /** Its dynos do not come up: those of the release before it go on as long as they do. */
  | {
      readonly kind: 'unhealthy';
      readonly reason: string;
      /** The release that an automatic rollback put in its place. */
      readonly undoneBy?: number | undefined;
    }
  /** A newer release took its place before it was live. */
  | { readonly kind: 'superseded' }
  /** No dyno is wanted. */
  | { readonly kind: 'nothing-to-run' };
