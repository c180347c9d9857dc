import { type Static, Type } from 'typebox';
import { exactly, NullableString, Timestamp } from './parts.js';

export const Account = Type.Object({
  id: Type.String(),
  email: Type.String(),
  name: NullableString,
  allow_tracking: Type.Boolean(),
  beta: Type.Boolean(),
  country_of_residence: NullableString,
  default_organization: Type.Null(),
  default_team: Type.Null(),
  delinquent_at: Type.Null(),
  federated: Type.Boolean(),
  identity_provider: Type.Null(),
  last_login: Type.Null(),
  sms_number: Type.Null(),
  suspended_at: Type.Null(),
  two_factor_authentication: Type.Boolean(),
  verified: Type.Boolean(),
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Account = Static<typeof Account>;

/** Body of a sign-in on the dashboard. */
export const SignIn = exactly({
  email: Type.String({ maxLength: 256 }),
  password: Type.String({ maxLength: 1024 }),
});

/** `csrf` goes back as the header X-CSRF-Token with each write. */
export const SignedIn = Type.Object({ email: Type.String(), csrf: Type.String() });
export type SignedIn = Static<typeof SignedIn>;
