import { type Static, Type } from 'typebox';
import { exactly, Ignored, Timestamp } from './parts.js';

export const LogSession = Type.Object({
  id: Type.String(),
  logplex_url: Type.String(),
  created_at: Timestamp,
  updated_at: Timestamp,
});

const Filter = Type.Optional(Type.Union([Type.String({ maxLength: 100 }), Type.Null()]));

export const CreateLogSession = exactly({
  lines: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000 })),
  tail: Type.Optional(Type.Boolean()),
  source: Filter,
  dyno: Filter,
  dyno_name: Filter,
  type: Filter,
  backend: Ignored,
});
export type CreateLogSession = Static<typeof CreateLogSession>;
