// The private addresses that dynos may reach: the setting PAAS_EGRESS_ALLOW. Pure.

/** One network, or one port of it. */
export interface Allowed {
  /** IPv4 with its prefix, such as `10.0.5.0/24`. */
  readonly network: string;
  /** TCP and UDP; undefined for every port. */
  readonly port: number | undefined;
}

/** Reads `10.0.5.0/24,192.168.1.10:5432`. Throws an Error that names the entry which is none. */
export function parseAllowlist(text: string): Allowed[] {
  return text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
    .map(parseEntry);
}

function parseEntry(entry: string): Allowed {
  const match = /^(\d{1,3}(?:\.\d{1,3}){3})(?:\/(\d{1,2}))?(?::(\d{1,5}))?$/.exec(entry);
  const [, address = '', prefix = '32', port] = match ?? [];
  const bytes = address.split('.').map(Number);
  const bits = Number(prefix);
  const isPort = port === undefined || (Number(port) >= 1 && Number(port) <= 65_535);
  if (match === null || bytes.some((byte) => byte > 255) || bits < 1 || bits > 32 || !isPort) {
    throw new Error(
      `PAAS_EGRESS_ALLOW has an entry that is no IPv4 network such as 10.0.5.0/24 or 192.168.1.10:5432: ${entry}`,
    );
  }
  return {
    network: `${networkOf(bytes, bits)}/${bits}`,
    port: port === undefined ? undefined : Number(port),
  };
}

// The kernel shows a rule's network with the bits of the host cleared.
function networkOf(bytes: readonly number[], bits: number): string {
  return bytes.map((byte, index) => byte & (0xff00 >> Math.min(8, Math.max(0, bits - 8 * index)))).join('.');
}
