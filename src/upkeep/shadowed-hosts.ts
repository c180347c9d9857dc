// What `paas doctor` says of host names that more than one claims. Pure.

import type { ShadowedHost } from '../platform/hosts.js';
import type { Finding } from './doctor.js';

const SHOWN = 5;

export function describeShadowedHosts(shadowed: readonly ShadowedHost[]): Finding {
  const check = 'host names';
  if (shadowed.length === 0) return { check, status: 'ok', detail: 'each leads to one app' };
  const shown = shadowed
    .slice(0, SHOWN)
    .map(({ hostname, appName, holder }) => `${hostname} of app ${appName} leads to ${holder}`);
  const more = shadowed.length > SHOWN ? `, and ${shadowed.length - SHOWN} more` : '';
  const hint = 'Remove the domain (paas domains:remove HOSTNAME -a NAME), or rename the app that holds it';
  return { check, status: 'warn', detail: `${shown.join(', ')}${more}`, hint };
}
