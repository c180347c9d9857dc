// The moments of a deploy at which a sudden end of the daemon is worth a test. Production does nothing at them.

/** A moment between a push and the end of the last old dyno; in order, though apps and dynos overlap. */
export type DeployStep =
  /** A push is authorised; git is about to take its objects. */
  | 'push-received'
  /** The hook has brought the refs; the objects lie in git's quarantine. */
  | 'refs-received'
  /** The build is recorded and waits for its turn. */
  | 'build-queued'
  /** The build is recorded as running. */
  | 'build-started'
  /** The source lies in the work directory. */
  | 'source-unpacked'
  /** The image is there and has its tag; no release names it. */
  | 'image-committed'
  /** The release is recorded, and with it that the build has succeeded. */
  | 'release-written'
  /** The container of the release command is made, and does not run. */
  | 'release-phase-created'
  /** The release command runs. */
  | 'release-phase-started'
  /** The release command has ended, which is not recorded. */
  | 'release-phase-ended'
  /** The end of the release command is recorded; its container is there. */
  | 'release-phase-recorded'
  /** The container of a dyno is made, and does not run. */
  | 'dyno-created'
  /** The process of a dyno is started. */
  | 'dyno-started'
  /** A dyno has answered its check; the loop does not know. */
  | 'dyno-healthy'
  /** The loop knows that a dyno is up; the router does not. */
  | 'dyno-up'
  /** The router has been told what to route; comes with every pass of the loop. */
  | 'router-told'
  /** An old dyno is to be stopped; it may still get requests. */
  | 'old-draining'
  /** An old dyno gets no more requests and has none; it has not been told to end. */
  | 'old-drained'
  /** The process of an old dyno has ended; its container is there. */
  | 'old-stopped'
  /** The container of an old dyno is gone. */
  | 'old-removed'
  /** The new release is live, or has failed to be; the pusher has not been told. */
  | 'rollout-ended'
  /** The branch names the commit. */
  | 'branch-moved'
  /** The hook is about to be told to let the branch move. */
  | 'push-accepted'
  /** What the push left is tidied up; the pusher has the answer. */
  | 'push-settled';

/** Called at each step, in the middle of things: must return at once and not throw. */
export type OnStep = (step: DeployStep) => void;
