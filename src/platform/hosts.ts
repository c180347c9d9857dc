// Whom a host name leads to when more than one claims it. Nobody can add such a name, but a change of the platform's domain
// makes some: a domain of one app may then be the name of another. docs/decisions/0170-a-host-leads-to-one.md

import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import type { App } from './apps.js';

/** Where the platform is: its own host name, and the domain under which all apps live. */
export interface PlatformPlace {
  readonly platformHost: string;
  readonly platformDomain: string;
}

/** An app with the host names that it claims. The first is its own, the others are its custom domains. */
export interface HostClaims {
  readonly id: string;
  readonly name: string;
  readonly hosts: readonly string[];
}

/** A host name of an app that leads to somebody else. */
export interface ShadowedHost {
  readonly appId: string;
  readonly appName: string;
  readonly hostname: string;
  /** `the platform itself`, or `app shop`. */
  readonly holder: string;
}

/** Gives each host to one: the platform goes before own names of apps, and these before custom domains. */
export function settleHosts<Claimant extends HostClaims>(
  apps: readonly Claimant[],
  platformHost: string,
): { settled: Claimant[]; shadowed: ShadowedHost[] } {
  const holders = new Map<string, Claimant | 'platform'>([[platformHost, 'platform']]);
  const take = (app: Claimant, hosts: readonly string[]) => {
    for (const host of hosts) if (!holders.has(host)) holders.set(host, app);
  };
  for (const app of apps) take(app, app.hosts.slice(0, 1));
  for (const app of apps) take(app, app.hosts.slice(1));
  const shadowed: ShadowedHost[] = [];
  const settled = apps.map((app) => {
    const hosts = [...new Set(app.hosts)];
    for (const hostname of hosts) {
      const holder = holders.get(hostname);
      if (holder === app || holder === undefined) continue;
      const words = holder === 'platform' ? 'the platform itself' : `app ${holder.name}`;
      shadowed.push({ appId: app.id, appName: app.name, hostname, holder: words });
    }
    return { ...app, hosts: hosts.filter((host) => holders.get(host) === app) };
  });
  return { settled, shadowed };
}

/** The host names of all apps that lead to somebody else. */
export function listShadowedHosts(
  db: Database,
  { platformHost, platformDomain }: PlatformPlace,
): ShadowedHost[] {
  const apps = db.sql.prepare('select id, name from apps where destroyed_at is null order by name').all() as {
    id: string;
    name: string;
  }[];
  const domains = db.sql.prepare('select app_id as appId, hostname from domains order by hostname').all() as {
    appId: string;
    hostname: string;
  }[];
  const hosts = new Map(apps.map(({ id, name }) => [id, [`${name}.${platformDomain}`]]));
  for (const { appId, hostname } of domains) hosts.get(appId)?.push(hostname);
  const claims = apps.map((app) => ({ ...app, hosts: hosts.get(app.id) ?? [] }));
  return settleHosts(claims, platformHost).shadowed;
}

/**
 * Throws when an app of this name would live at a host that leads elsewhere: `invalid_app_name` for the platform's,
 * `conflict` for a domain of another app than `app`.
 */
export function requireFreeHost(
  db: Database,
  { name, app, platformHost, platformDomain }: PlatformPlace & { name: string; app?: App },
): void {
  const host = `${name}.${platformDomain}`;
  if (host === platformHost) {
    throw new PaasError(
      'invalid_app_name',
      `Name ${quoteValue(name)} is reserved by the platform, which lives at ${host} itself.`,
    );
  }
  const holder = db.sql.prepare('select app_id from domains where hostname = ?').pluck().get(host);
  if (holder === undefined || holder === app?.id) return;
  throw new PaasError('conflict', `Name ${quoteValue(name)} is taken: ${host} is a domain of another app.`, {
    hint: 'Choose another name.',
  });
}
