// JSON that crosses HTTP, one file a noun: the shapes of the Heroku Platform API v3, with every nullable field present.
// A body schema lists what we read, and (as `Ignored`) what Heroku clients send that has no meaning here; any other
// field is refused. A response schema lists what may leave the house: what is not in it is not sent.

import { type TSchema, Type } from 'typebox';

/** A field that Heroku clients send and that changes nothing here. */
export const Ignored = Type.Optional(Type.Unknown());

/** ISO 8601 in UTC. */
export const Timestamp = Type.String();

export const NullableString = Type.Union([Type.String(), Type.Null()]);

/** Another object by id and name. */
export const Reference = Type.Object({ id: Type.String(), name: Type.String() });

export const UserReference = Type.Object({ id: Type.String(), email: Type.String() });

/** What an error reply looks like. */
export const ErrorBody = Type.Object({
  id: Type.String(),
  message: Type.String(),
  hint: Type.Optional(Type.String()),
  resource: Type.Optional(Type.String()),
});

/** A body or parameter object that has exactly these fields. */
export function exactly<Fields extends Record<string, TSchema>>(fields: Fields) {
  return Type.Object(fields, { additionalProperties: false });
}

/** `:app` in a path: a name or an id. */
export const AppParams = exactly({ app: Type.String({ maxLength: 100 }) });

/** An empty object. */
export const Nothing = Type.Object({});
