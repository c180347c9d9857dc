import { type Static, Type } from 'typebox';
import { exactly, NullableString, Timestamp } from './parts.js';

const NullableTime = Type.Union([Timestamp, Type.Null()]);
export const Evidence = Type.Record(
  Type.String(),
  Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Array(Type.String())]),
);

export const Incident = Type.Object({
  kind: Type.String(),
  dyno: NullableString,
  /** Number of the release. */
  release: Type.Union([Type.Integer(), Type.Null()]),
  message: Type.String(),
  evidence: Evidence,
  created_at: Timestamp,
});
export type Incident = Static<typeof Incident>;

/** Why a dyno, a release or an app is as it is. */
export const Explanation = Type.Object({
  /** `web.1`, `v12`, or the app's name. */
  subject: Type.String(),
  kind: Type.String(),
  state: Type.String(),
  cause: Type.String(),
  evidence: Evidence,
  since: NullableTime,
  next_try_at: NullableTime,
  next_step: NullableString,
  last_incident: Type.Union([Incident, Type.Null()]),
});
export type Explanation = Static<typeof Explanation>;

export const Why = Type.Object({
  explanations: Type.Array(Explanation),
  /** Newest first. */
  incidents: Type.Array(Incident),
  /** The newest 50 lines of the dyno, or of the release command; oldest first. */
  log_lines: Type.Array(Type.String()),
});
export type Why = Static<typeof Why>;

/** At most one of them; none: the whole app. */
export const WhyQuery = exactly({
  dyno: Type.Optional(Type.String({ maxLength: 100 })),
  release: Type.Optional(Type.String({ maxLength: 100 })),
});
