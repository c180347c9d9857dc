import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp, UserReference } from './parts.js';

export const Release = Type.Object({
  id: Type.String(),
  version: Type.Integer(),
  description: Type.String(),
  status: Type.String(),
  current: Type.Boolean(),
  eligible_for_rollback: Type.Boolean(),
  addon_plan_names: Type.Array(Type.String()),
  app: Reference,
  artifacts: Type.Array(Type.Unknown()),
  output_stream_url: NullableString,
  slug: Type.Union([Type.Object({ id: Type.String(), commit: NullableString }), Type.Null()]),
  /** Version of the release that an automatic rollback put in its place; not in Heroku's. */
  undone_by: Type.Union([Type.Integer(), Type.Null()]),
  user: UserReference,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Release = Static<typeof Release>;

/** `release` is an id or `v3`: a new release with what that one had. */
export const RollBack = exactly({
  release: Type.String({ maxLength: 64 }),
  description: Ignored,
});

export const ReleaseParams = exactly({
  app: Type.String({ maxLength: 100 }),
  release: Type.String({ maxLength: 64 }),
});

/** `ticket` stands in for other credentials. */
export const OutputQuery = exactly({ ticket: Type.Optional(Type.String({ maxLength: 4096 })) });
