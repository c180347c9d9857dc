// Asking the API for builds, and waiting for one.

import { setTimeout as delay } from 'node:timers/promises';
import type { ApiClient } from './api-client.js';
import type { ApiBuild } from './api-types.js';
import { CliError, usageError } from './cli-error.js';

const POLL_MS = 300;
const POLL_LIMIT = 100;

/** Builds, newest first. */
export async function newestBuilds(api: ApiClient, app: string, count: number): Promise<ApiBuild[]> {
  const range = { range: `created_at ..; order=desc,max=${Math.min(count, 1000)}`, partial: true };
  const builds = await api.list<ApiBuild>(`/apps/${app}/builds`, range);
  return builds.slice(0, count);
}

/** The build of that id, or the newest. */
export async function getBuild(api: ApiClient, app: string, id: string | undefined): Promise<ApiBuild> {
  if (id !== undefined) {
    if (!/^[\w-]+$/.test(id)) throw usageError(`"${id}" is not the id of a build.`);
    return await api.request<ApiBuild>('GET', `/apps/${app}/builds/${id}`);
  }
  const [build] = await newestBuilds(api, app, 1);
  if (build === undefined)
    throw new CliError(`${app} has no builds.`, { hint: `Make one: paas deploy --app ${app}` });
  return build;
}

/** The build once it has ended; its output ends shortly before or after its record does. */
export async function waitForBuild(
  api: ApiClient,
  build: { app: string; id: string; signal: AbortSignal },
): Promise<ApiBuild> {
  for (let attempt = 1; ; attempt += 1) {
    const found = await api.request<ApiBuild>('GET', `/apps/${build.app}/builds/${build.id}`);
    if ((found.status !== 'pending' && found.status !== 'queued') || attempt >= POLL_LIMIT) return found;
    await delay(POLL_MS, undefined, { signal: build.signal });
  }
}
