import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp } from './parts.js';

export const Dyno = Type.Object({
  id: Type.String(),
  name: Type.String(),
  type: Type.String(),
  state: Type.String(),
  size: Type.String(),
  command: Type.String(),
  app: Reference,
  release: Type.Object({ id: Type.String(), version: Type.Integer() }),
  attach_url: NullableString,
  created_at: Timestamp,
  updated_at: Timestamp,
  /** Ours: when a crashed dyno is started again. */
  next_try_at: Type.Union([Timestamp, Type.Null()]),
});
export type Dyno = Static<typeof Dyno>;

/** A one-off dyno. A command in one string runs in a shell; a list is run as it is. Its limits are in the API's run-request.ts. */
export const RunDyno = exactly({
  command: Type.Union([Type.String(), Type.Array(Type.String())]),
  attach: Type.Optional(Type.Boolean()),
  env: Type.Optional(Type.Record(Type.String(), Type.Union([Type.String(), Type.Number()]))),
  force_no_tty: Type.Optional(Type.Union([Type.Boolean(), Type.Null()])),
  size: Type.Optional(Type.String({ maxLength: 64 })),
  type: Ignored,
  time_to_live: Ignored,
});
export type RunDyno = Static<typeof RunDyno>;

export const DynoParams = exactly({
  app: Type.String({ maxLength: 100 }),
  dyno: Type.String({ maxLength: 100 }),
});
