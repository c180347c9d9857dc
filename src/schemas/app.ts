import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp, UserReference } from './parts.js';

export const App = Type.Object({
  id: Type.String(),
  name: Type.String(),
  acm: Type.Boolean(),
  archived_at: Type.Null(),
  build_stack: Reference,
  buildpack_provided_description: NullableString,
  created_at: Timestamp,
  generation: Reference,
  git_url: Type.String(),
  internal_routing: Type.Null(),
  maintenance: Type.Boolean(),
  organization: Type.Null(),
  owner: UserReference,
  region: Reference,
  released_at: Type.Union([Timestamp, Type.Null()]),
  repo_size: Type.Null(),
  slug_size: Type.Null(),
  space: Type.Null(),
  stack: Reference,
  team: Type.Null(),
  updated_at: Timestamp,
  web_url: Type.String(),
  /** Ours: path that must answer before a web dyno gets requests. */
  health_path: NullableString,
});
export type App = Static<typeof App>;

export const CreateApp = exactly({
  name: Type.Optional(Type.String()),
  region: Ignored,
  stack: Ignored,
  feature_flags: Ignored,
  locked: Ignored,
  personal: Ignored,
  internal_routing: Ignored,
  organization: Ignored,
  team: Ignored,
  space: Ignored,
  generation: Ignored,
});

export const ChangeApp = exactly({
  name: Type.Optional(Type.String()),
  maintenance: Type.Optional(Type.Boolean()),
  health_path: Type.Optional(NullableString),
  build_stack: Type.Optional(Type.String()),
});
