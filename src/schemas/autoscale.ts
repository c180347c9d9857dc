import { type Static, Type } from 'typebox';
import { exactly, NullableString, Reference } from './parts.js';

const NullableNumber = Type.Union([Type.Number(), Type.Null()]);

export const Autoscale = Type.Object({
  app: Reference,
  type: Type.String(),
  enabled: Type.Boolean(),
  min: NullableNumber,
  max: NullableNumber,
  /** `p95` (ms), `cpu` (percent of one core a dyno) or `rps` (requests a second a dyno). */
  metric: NullableString,
  target: NullableNumber,
});
export type Autoscale = Static<typeof Autoscale>;

/** What is left out stays as it was; `metric` and `target` come together. */
export const SetAutoscale = exactly({
  min: Type.Optional(Type.Number()),
  max: Type.Optional(Type.Number()),
  metric: Type.Optional(Type.Union([Type.Literal('p95'), Type.Literal('cpu'), Type.Literal('rps')])),
  target: Type.Optional(Type.Number()),
});
export type SetAutoscale = Static<typeof SetAutoscale>;
