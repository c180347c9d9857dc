/** The pages of the dashboard, as their paths say. */
export type Route =
  | { page: 'apps' }
  | { page: 'app'; app: string; tab: Tab }
  | { page: 'build'; app: string; build: string }
  | { page: 'dyno'; app: string; dyno: string }
  | { page: 'missing' };

export type Tab = 'overview' | 'releases' | 'logs' | 'config' | 'domains' | 'settings';

/** The tabs of an app's page, in the order in which they are shown. */
export const tabs: readonly Tab[] = ['overview', 'logs', 'releases', 'config', 'domains', 'settings'];

/** Reads a path; every path leads somewhere. */
export function parseRoute(path: string): Route {
  const parts = path
    .split('/')
    .filter((part) => part !== '')
    .map(decode);
  const [first, second, app, third = 'overview', fourth] = parts;
  if (first === undefined || (first === 'dashboard' && second === undefined)) return { page: 'apps' };
  if (first !== 'dashboard' || second !== 'apps' || parts.length > 5) return { page: 'missing' };
  if (app === undefined) return { page: 'apps' };
  if (third === 'builds' && fourth !== undefined) return { page: 'build', app, build: fourth };
  if (third === 'dynos' && fourth !== undefined) return { page: 'dyno', app, dyno: fourth };
  const tab = tabs.find((name) => name === third);
  return tab && fourth === undefined ? { page: 'app', app, tab } : { page: 'missing' };
}

/** Path of an app's page. */
export function appPath(app: string, tab: Tab = 'overview'): string {
  const base = `/dashboard/apps/${encodeURIComponent(app)}`;
  return tab === 'overview' ? base : `${base}/${tab}`;
}

/** Path of a build's output. */
export function buildPath(app: string, build: string): string {
  return `/dashboard/apps/${encodeURIComponent(app)}/builds/${encodeURIComponent(build)}`;
}

/** Path of why a dyno is as it is, also of one that has ended. */
export function dynoPath(app: string, dyno: string): string {
  return `/dashboard/apps/${encodeURIComponent(app)}/dynos/${encodeURIComponent(dyno)}`;
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
