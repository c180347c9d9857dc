import { type Static, Type } from 'typebox';
import { exactly, Ignored, Reference, Timestamp } from './parts.js';

export const Collaborator = Type.Object({
  id: Type.String(),
  role: Type.String(),
  permissions: Type.Array(Type.Object({ name: Type.String(), description: Type.String() })),
  user: Type.Object({ id: Type.String(), email: Type.String(), federated: Type.Boolean() }),
  app: Reference,
  created_at: Timestamp,
  updated_at: Timestamp,
});
export type Collaborator = Static<typeof Collaborator>;

/** `user` is the e-mail address of an account. */
export const AddCollaborator = exactly({
  user: Type.String({ maxLength: 256 }),
  silent: Ignored,
  permissions: Ignored,
});

export const CollaboratorParams = exactly({
  app: Type.String({ maxLength: 100 }),
  user: Type.String({ maxLength: 256 }),
});
