import { type Static, Type } from 'typebox';
import { exactly, Ignored, NullableString, Reference, Timestamp } from './parts.js';

export const Domain = Type.Object({
  id: Type.String(),
  hostname: Type.String(),
  kind: Type.String(),
  cname: NullableString,
  status: Type.String(),
  /** Where it leads, such as `app shop`, when that is not the app. */
  shadowed_by: NullableString,
  acm_status: Type.Null(),
  acm_status_reason: Type.Null(),
  sni_endpoint: Type.Null(),
  app: Reference,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Domain = Static<typeof Domain>;

export const AddDomain = exactly({ hostname: Type.String({ maxLength: 1024 }), sni_endpoint: Ignored });

export const DomainParams = exactly({
  app: Type.String({ maxLength: 100 }),
  hostname: Type.String({ maxLength: 253 }),
});
