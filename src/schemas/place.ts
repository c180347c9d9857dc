// Where apps run and on what: stacks and regions.
import { Type } from 'typebox';
import { Reference, Timestamp } from './parts.js';

export const Stack = Type.Object({
  id: Type.String(),
  name: Type.String(),
  state: Type.String(),
  default: Type.Boolean(),
  created_at: Timestamp,
  updated_at: Timestamp,
});

export const Region = Type.Object({
  id: Type.String(),
  name: Type.String(),
  description: Type.String(),
  country: Type.String(),
  locale: Type.String(),
  private_capable: Type.Boolean(),
  provider: Type.Object({ name: Type.String(), region: Type.String() }),
  created_at: Timestamp,
  updated_at: Timestamp,
  app: Type.Optional(Reference),
});
