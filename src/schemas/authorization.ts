import { type Static, Type } from 'typebox';
import { exactly, Ignored, Timestamp } from './parts.js';

const ExpiresIn = Type.Union([Type.Integer(), Type.Null()]);

export const Authorization = Type.Object({
  id: Type.String(),
  description: Type.String(),
  scope: Type.Array(Type.String()),
  /** The secret is there in the reply to the request that made it; later, only its id. */
  access_token: Type.Object({
    id: Type.String(),
    token: Type.String(),
    expires_in: ExpiresIn,
  }),
  client: Type.Null(),
  grant: Type.Null(),
  refresh_token: Type.Null(),
  session: Type.Null(),
  user: Type.Object({ id: Type.String(), email: Type.String(), full_name: Type.Null() }),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Authorization = Static<typeof Authorization>;

export const CreateAuthorization = exactly({
  description: Type.Optional(Type.Union([Type.String({ maxLength: 200 }), Type.Null()])),
  /** Seconds, as a number or as text. */
  expires_in: Type.Optional(
    Type.Union([
      Type.Integer({ minimum: 1, maximum: 315_360_000 }),
      Type.String({ pattern: '^[1-9][0-9]{0,8}$' }),
      Type.Null(),
    ]),
  ),
  scope: Ignored,
  client: Ignored,
});

export const AuthorizationParams = exactly({ authorization: Type.String({ maxLength: 64 }) });
