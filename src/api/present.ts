// Small parts that the replies of several nouns share. Pure.

import { createHash } from 'node:crypto';
import type { Evidence } from '../platform/incidents.js';

/** Epoch ms as Heroku writes times: `2026-01-31T12:00:00Z`. */
export function isoTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, 19)}Z`;
}

/** An id (in the form of a UUID) for what has none of its own: the same parts give the same id. */
export function derivedId(...parts: string[]): string {
  const hex = createHash('sha256').update(parts.join('\0')).digest('hex');
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/** Evidence as replies hold it, each text through `redact`. */
export function presentEvidence(
  evidence: Evidence,
  redact: (text: string) => string,
): Record<string, string | number | boolean | string[]> {
  return Object.fromEntries(
    Object.entries(evidence).map(([key, value]) => {
      if (typeof value === 'string') return [key, redact(value)];
      return [key, typeof value === 'object' ? value.map(redact) : value];
    }),
  );
}

/** Where things are: addresses that replies name. */
export interface PlatformUrls {
  /** Origin of the API, git and the dashboard, such as `http://localhost:8080`. */
  readonly platform: string;
  /** Domain under which each app has its name, such as `localhost`. */
  readonly appDomain: string;
  /** Host name of the platform itself. */
  readonly platformHost: string;
  /** `:8080` or empty. */
  readonly appPort: string;
}

/** The address of an app: `http://NAME.localhost:8080/`. */
export function webUrl(urls: PlatformUrls, app: { name: string }): string {
  return `${new URL(urls.platform).protocol}//${app.name}.${urls.appDomain}${urls.appPort}/`;
}

/** Where an app's code is pushed to. */
export function gitUrl(urls: PlatformUrls, app: { name: string }): string {
  return `${urls.platform}/${app.name}.git`;
}
