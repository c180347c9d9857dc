// Domains: the host names that lead to an app, besides its own NAME.<domain>.

import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import type { Database } from '../db/database.js';
import { PaasError, quoteValue } from '../errors.js';
import { type AppId, type DomainId, newId } from '../ids.js';
import type { App } from './apps.js';

export interface Domain {
  readonly id: DomainId;
  readonly appId: AppId;
  readonly hostname: string;
  /** Epoch ms. */
  readonly createdAt: number;
}

const MAX_DOMAINS = 1000;

/** The custom domains of an app, by name. */
export function listDomains(db: Database, appId: AppId): Domain[] {
  return db.sql.prepare(`${SELECT} where app_id = ? order by hostname`).all(appId) as Domain[];
}

/**
 * Adds a custom domain. `platformDomain` is the domain under which all apps live, `platformHost` the platform's own.
 * Throws `invalid_params` for what is no host name or belongs to the platform, `conflict` for another app's.
 */
export function addDomain(
  db: Database,
  options: { app: App; hostname: string; platformDomain: string; platformHost: string },
): Domain {
  const hostname = checkHostname(options.hostname);
  const { platformDomain, platformHost } = options;
  if (hostname === platformHost || hostname === platformDomain || hostname.endsWith(`.${platformDomain}`)) {
    throw new PaasError('invalid_params', `Domain ${quoteValue(hostname)} belongs to the platform itself.`, {
      hint: 'Add a domain of your own, such as www.example.com.',
    });
  }
  return db.write((announce) => {
    const holder = db.sql.prepare('select app_id from domains where hostname = ?').pluck().get(hostname);
    if (holder === options.app.id) {
      throw new PaasError('conflict', `Domain ${quoteValue(hostname)} is on ${options.app.name} already.`);
    }
    if (holder !== undefined)
      throw new PaasError('conflict', `Domain ${quoteValue(hostname)} is in use by another app.`);
    const count = db.sql
      .prepare('select count(*) from domains where app_id = ?')
      .pluck()
      .get(options.app.id) as number;
    if (count >= MAX_DOMAINS)
      throw new PaasError('invalid_params', `An app has at most ${MAX_DOMAINS} domains.`);
    const domain: Domain = { id: newId(), appId: options.app.id, hostname, createdAt: db.now() };
    db.sql
      .prepare('insert into domains (id, app_id, hostname, created_at) values (?, ?, ?, ?)')
      .run(domain.id, domain.appId, hostname, domain.createdAt);
    announce({ kind: 'domains-changed', appId: options.app.id });
    return domain;
  });
}

/** Takes a domain (by name or id) off the app. Throws `not_found`. */
export function removeDomain(db: Database, options: { app: App; hostname: string }): Domain {
  return db.write((announce) => {
    const domain = findDomain(db, options.app, options.hostname);
    db.sql.prepare('delete from domains where id = ?').run(domain.id);
    announce({ kind: 'domains-changed', appId: options.app.id });
    return domain;
  });
}

/** One domain of the app by name or id. Throws `not_found`. */
export function findDomain(db: Database, app: App, hostnameOrId: string): Domain {
  const domain = db.sql
    .prepare(`${SELECT} where app_id = ? and (hostname = ? or id = ?)`)
    .get(app.id, toAscii(hostnameOrId), hostnameOrId) as Domain | undefined;
  if (domain === undefined) {
    throw new PaasError('not_found', `Couldn't find the domain ${quoteValue(hostnameOrId)} on ${app.name}.`, {
      hint: `See its domains with: paas domains -a ${app.name}`,
    });
  }
  return domain;
}

/** The host name in its one spelling (lower case, punycode). Throws `invalid_params`. */
export function checkHostname(text: string): string {
  const ascii = toAscii(text);
  const labels = ascii.split('.');
  const isName =
    ascii.length <= 253 &&
    labels.length >= 2 &&
    labels.every((label) => /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(label)) &&
    !/^\d+$/.test(labels.at(-1) ?? '') &&
    !ascii.endsWith('\n') &&
    isIP(ascii) === 0;
  if (!isName) {
    throw new PaasError(
      'invalid_params',
      `Domain ${quoteValue(text)} is not a host name such as www.example.com.`,
      {
        hint: 'Give the host name only: no scheme, port, path or wildcard.',
      },
    );
  }
  return ascii;
}

function toAscii(text: string): string {
  return /[^\u0000-\u007f]/.test(text) ? domainToASCII(text) : text.toLowerCase();
}

const SELECT = 'select id, app_id as appId, hostname, created_at as createdAt from domains';
