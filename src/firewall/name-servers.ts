// Which name servers containers are led to. Pure.

/** The IPv4 addresses of a resolv.conf(5); those of the host's own loopback are asked by the engine itself. */
export function readNameServers(resolvConf: string): string[] {
  const found = [...resolvConf.matchAll(/^\s*nameserver\s+(\d{1,3}(?:\.\d{1,3}){3})\s*$/gm)];
  return [...new Set(found.map(([, address = '']) => address))].filter(
    (address) => !address.startsWith('127.'),
  );
}

/** `dns` of the engine's daemon.json, which it gives containers instead of the host's; empty without one. */
export function readEngineNameServers(daemonJson: string): string[] {
  try {
    const value: unknown = JSON.parse(daemonJson);
    const dns = typeof value === 'object' && value !== null && 'dns' in value ? value.dns : undefined;
    const list: unknown[] = Array.isArray(dns) ? dns : [];
    return list.filter((entry) => typeof entry === 'string').filter((entry) => /^\d+(\.\d+){3}$/.test(entry));
  } catch {
    return [];
  }
}
