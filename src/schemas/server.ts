// How the server is, for administrators.

import { type Static, Type } from 'typebox';

export const Finding = Type.Object({
  check: Type.String(),
  status: Type.Union([Type.Literal('ok'), Type.Literal('warn'), Type.Literal('fail')]),
  detail: Type.String(),
  hint: Type.Optional(Type.String()),
});
export type Finding = Static<typeof Finding>;
