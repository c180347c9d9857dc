import { type Static, Type } from 'typebox';
import { exactly, NullableString } from './parts.js';
import { Evidence } from './why.js';

const NullableNumber = Type.Union([Type.Number(), Type.Null()]);
const Header = Type.Object({ name: Type.String(), value: Type.String() });
const Phase = Type.Union([Type.Literal('startup'), Type.Literal('liveness')]);
const Kind = Type.Union([
  Type.Literal('port'),
  Type.Literal('http'),
  Type.Literal('command'),
  Type.Literal('uptime'),
  Type.Literal('off'),
]);

/** One check of a process type. Times are seconds; what does not go with the kind is null. */
export const Check = Type.Object({
  process_type: Type.String(),
  phase: Phase,
  /** `setting`, `health_path`, `app.json` or `default`. */
  source: Type.String(),
  /** `off`: nothing is asked, the dyno only has to run. */
  kind: Kind,
  name: NullableString,
  path: NullableString,
  status: NullableString,
  headers: Type.Union([Type.Array(Header), Type.Null()]),
  content: NullableString,
  port: NullableNumber,
  command: Type.Union([Type.String(), Type.Array(Type.String()), Type.Null()]),
  uptime: NullableNumber,
  interval: NullableNumber,
  timeout: NullableNumber,
  attempts: NullableNumber,
  initial_delay: NullableNumber,
  warn: Type.Boolean(),
});
export type Check = Static<typeof Check>;

/** What is given is changed; another `kind` begins anew and keeps the times. Without `phase`: both. */
export const ChangeCheck = exactly({
  phase: Type.Optional(Phase),
  kind: Type.Optional(Kind),
  path: Type.Optional(Type.String()),
  status: Type.Optional(Type.String()),
  host: Type.Optional(Type.String()),
  headers: Type.Optional(Type.Array(exactly({ name: Type.String(), value: Type.String() }))),
  content: Type.Optional(Type.String()),
  port: Type.Optional(Type.Number()),
  command: Type.Optional(Type.Union([Type.String(), Type.Array(Type.String())])),
  uptime: Type.Optional(Type.Number()),
  interval: Type.Optional(Type.Number()),
  timeout: Type.Optional(Type.Number()),
  attempts: Type.Optional(Type.Number()),
  initial_delay: Type.Optional(Type.Number()),
  warn: Type.Optional(Type.Boolean()),
});

/** Which dynos are checked: one, those of a process type, or all. */
export const RunCheck = exactly({ subject: Type.Optional(Type.String({ minLength: 1, maxLength: 100 })) });

/** What one check of one dyno came to. */
export const CheckRun = Type.Object({
  dyno: Type.String(),
  phase: Phase,
  check: Type.String(),
  /** Null: the dyno ended meanwhile. */
  passed: Type.Union([Type.Boolean(), Type.Null()]),
  /** Of a failed one; goes after "it". */
  said: NullableString,
  evidence: Evidence,
});
export type CheckRun = Static<typeof CheckRun>;

export const UnsetCheck = exactly({ phase: Type.Optional(Phase) });
