// Asking the API for releases.

import type { ApiClient } from './api-client.js';
import type { ApiRelease } from './api-types.js';
import { CliError, usageError } from './cli-error.js';

/** The newest releases, newest first. */
export async function newestReleases(api: ApiClient, app: string, count: number): Promise<ApiRelease[]> {
  const range = `version ..; order=desc,max=${Math.min(count, 1000)}`;
  const releases: ApiRelease[] = await api.list<ApiRelease>(`/apps/${app}/releases`, {
    range,
    partial: true,
  });
  return releases.slice(0, count);
}

/** The newest release. Every app has one from its creation on. */
export async function newestRelease(api: ApiClient, app: string): Promise<ApiRelease> {
  const [release] = await newestReleases(api, app, 1);
  if (release === undefined) throw new CliError(`${app} has no releases.`);
  return release;
}

/** The release `v12` (or `12`, or an id), or the newest when none is named. */
export async function getRelease(
  api: ApiClient,
  app: string,
  typed: string | undefined,
): Promise<ApiRelease> {
  if (typed === undefined) return await newestRelease(api, app);
  if (!/^(?:v?\d+|[0-9a-f-]{36})$/.test(typed))
    throw usageError(`"${typed}" is not a release.`, 'A release looks like v12');
  return await api.request<ApiRelease>('GET', `/apps/${app}/releases/${typed.replace(/^v/, '')}`);
}

/** What is remarkable about how a release went, in Heroku's words; undefined for a good one. */
export function statusText(
  release: Pick<ApiRelease, 'status' | 'undone_by'>,
): { text: string; style: 'yellow' | 'red' | 'dim' } | undefined {
  switch (release.status) {
    case 'pending':
      return { text: 'release command executing', style: 'yellow' };
    case 'failed':
      return { text: 'release command failed', style: 'red' };
    case 'expired':
      return { text: 'release expired', style: 'dim' };
    default:
      return release.undone_by === null
        ? undefined
        : { text: `rolled back by v${release.undone_by}`, style: 'red' };
  }
}
