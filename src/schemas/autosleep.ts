import { type Static, Type } from 'typebox';
import { exactly, NullableString, Reference } from './parts.js';

export const Autosleep = Type.Object({
  app: Reference,
  type: Type.String(),
  enabled: Type.Boolean(),
  after_seconds: Type.Union([Type.Number(), Type.Null()]),
  /** While it sleeps. */
  asleep_since: NullableString,
});
export type Autosleep = Static<typeof Autosleep>;

export const SetAutosleep = exactly({ after_seconds: Type.Number() });
