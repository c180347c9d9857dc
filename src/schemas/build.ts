import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp, UserReference } from './parts.js';

export const Build = Type.Object({
  id: Type.String(),
  status: Type.String(),
  app: Reference,
  buildpacks: Type.Array(Type.Object({ name: Type.String(), url: Type.String() })),
  output_stream_url: Type.String(),
  release: Type.Union([Type.Object({ id: Type.String(), version: Type.Integer() }), Type.Null()]),
  slug: Type.Null(),
  source_blob: Type.Object({
    checksum: NullableString,
    url: NullableString,
    version: NullableString,
    version_description: NullableString,
  }),
  stack: Type.String(),
  user: UserReference,
  /** Ours: why it failed. */
  error: NullableString,
  /** Ours: 1 is the next of all builds that wait; null for one that does not. */
  position: Type.Union([Type.Integer(), Type.Null()]),
  /** Ours: `git`, `archive` or `image`. */
  source_kind: Type.String(),
  /** Ours: how often it was begun; 2 after a restart of the platform in the midst of it. */
  attempts: Type.Integer(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Build = Static<typeof Build>;

/** What to build: an uploaded source (POST /sources), or an image to release as it is. */
export const CreateBuild = exactly({
  source_blob: Type.Optional(
    exactly({
      url: Type.String({ maxLength: 2048 }),
      version: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
      checksum: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
      version_description: Ignored,
    }),
  ),
  image: Type.Optional(Type.String({ maxLength: 512 })),
  buildpacks: Ignored,
});
export type CreateBuild = Static<typeof CreateBuild>;

export const BuildParams = exactly({
  app: Type.String({ maxLength: 100 }),
  build: Type.String({ maxLength: 64 }),
});

export const Source = Type.Object({
  source_blob: Type.Object({ get_url: Type.String(), put_url: Type.String() }),
});
