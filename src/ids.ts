// Branded ids: a raw string becomes an id in one place, and an id of one noun cannot be used for another.

import { randomUUID } from 'node:crypto';

type Brand<Name extends string> = string & { readonly __brand: Name };

export type AccountId = Brand<'AccountId'>;
export type AppId = Brand<'AppId'>;
export type ReleaseId = Brand<'ReleaseId'>;
export type BuildId = Brand<'BuildId'>;
export type DomainId = Brand<'DomainId'>;
export type TokenId = Brand<'TokenId'>;

/** A new random id (UUID v4, as in the Heroku Platform API). */
export function newId<Id extends string>(): Id {
  // The brand exists at compile time only.
  return randomUUID() as unknown as Id;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** The id in `text`, or undefined when it has not the form of one. */
export function parseId<Id extends string>(text: string): Id | undefined {
  // The brand exists at compile time only; the form was just checked.
  return UUID.test(text) ? (text as unknown as Id) : undefined;
}
