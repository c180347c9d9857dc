import { type Static, Type } from 'typebox';
import { exactly } from './parts.js';

/** How an app's dynos are kept; times in seconds. */
export const DynoSettings = Type.Object({
  /** How long a release is watched after it went live; 0: it is never rolled back automatically. */
  rollback_window: Type.Number(),
  /** How long requests of a dyno that is stopped may go on. */
  drain_timeout: Type.Number(),
  /** Time between SIGTERM and SIGKILL. */
  stop_grace: Type.Number(),
  /** Whether dynos are replaced once a day. */
  cycling: Type.Boolean(),
});
export type DynoSettings = Static<typeof DynoSettings>;

const Seconds = Type.Optional(Type.Union([Type.Number(), Type.Null()]));

/** null goes back to what the install has. */
export const ChangeDynoSettings = exactly({
  rollback_window: Seconds,
  drain_timeout: Seconds,
  stop_grace: Seconds,
  cycling: Type.Optional(Type.Boolean()),
});
export type ChangeDynoSettings = Static<typeof ChangeDynoSettings>;
