// Keeps one host name that two claim from stopping the routing of all, and says so once.

import type { Logger } from '../log.js';
import { settleHosts } from '../platform/hosts.js';
import type { RoutedApp } from '../router/router-state.js';

/** The apps with the hosts that are theirs; warns of each host that is shadowed when it comes to be. */
export function createHostSettler(options: {
  platformHost: string;
  log: Logger;
}): (apps: readonly RoutedApp[]) => RoutedApp[] {
  let told = new Set<string>();
  return (apps) => {
    const { settled, shadowed } = settleHosts(apps, options.platformHost);
    const telling = new Set<string>();
    for (const { appName, hostname, holder } of shadowed) {
      const text = `${hostname} of app ${appName} leads to ${holder}`;
      telling.add(text);
      if (!told.has(text)) options.log.warn({ app: appName, hostname, holder }, text);
    }
    told = telling;
    return settled;
  };
}
