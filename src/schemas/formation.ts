import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp } from './parts.js';

export const FormationEntry = Type.Object({
  id: Type.String(),
  type: Type.String(),
  quantity: Type.Integer(),
  size: Type.String(),
  dyno_size: Reference,
  command: Type.String(),
  /** Of web, when it sleeps without requests. */
  autosleep: Type.Union([
    Type.Object({ after_seconds: Type.Number(), asleep_since: NullableString }),
    Type.Null(),
  ]),
  /** When the platform chooses the quantity. */
  autoscale: Type.Union([
    Type.Object({ min: Type.Integer(), max: Type.Integer(), metric: Type.String(), target: Type.Number() }),
    Type.Null(),
  ]),
  app: Reference,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type FormationEntry = Static<typeof FormationEntry>;

const Size = Type.Union([Type.String({ maxLength: 64 }), exactly({ name: Type.String(), id: Ignored })]);

/** `quantity` is a number, or text such as `"+1"`. */
export const ScaleUpdate = exactly({
  type: Type.String({ maxLength: 100 }),
  quantity: Type.Optional(Type.Union([Type.Number(), Type.String({ maxLength: 32 })])),
  size: Type.Optional(Size),
  dyno_size: Type.Optional(Size),
});
export type ScaleUpdate = Static<typeof ScaleUpdate>;

export const Scale = exactly({ updates: Type.Array(ScaleUpdate, { maxItems: 100 }) });

export const FormationParams = exactly({
  app: Type.String({ maxLength: 100 }),
  type: Type.String({ maxLength: 100 }),
});

export const ScaleOne = exactly({
  quantity: Type.Optional(Type.Union([Type.Number(), Type.String({ maxLength: 32 })])),
  size: Type.Optional(Size),
  dyno_size: Type.Optional(Size),
});
