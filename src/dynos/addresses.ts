// Addresses of dynos on our bridge network. A freed one is the last to be given again, so that nothing that still
// routes to it reaches another app.

/** Hands out addresses of one subnet. What is in use is asked of the engine each time, never remembered. */
export interface Addresses {
  /** A free address, not among `inUse`. Throws when the subnet is exhausted. Counts as in use until `settle`. */
  take(inUse: ReadonlySet<string>): string;
  /** The container that took it exists now, or never will: the engine's list is the authority again. */
  settle(ip: string): void;
}

/** `subnet` is an IPv4 network such as `10.213.0.0/16`; its first 10 addresses stay free for the bridge. */
export function createAddresses(subnet: string): Addresses {
  const { first, last } = hostRange(subnet);
  const taken = new Set<string>();
  let next = first;
  return {
    take(inUse) {
      for (let tries = last - first + 1; tries > 0; tries--) {
        const ip = toText(next);
        next = next === last ? first : next + 1;
        if (inUse.has(ip) || taken.has(ip)) continue;
        taken.add(ip);
        return ip;
      }
      throw new Error(`all addresses of ${subnet} are in use`);
    },
    settle: (ip) => void taken.delete(ip),
  };
}

/** How a subnet is used: the bridge has its first address, dynos its lower half, the engine gives from its upper half. */
export function divideSubnet(subnet: string): { gateway: string; engineRange: string } {
  const { network, size, bits } = readSubnet(subnet);
  return { gateway: toText(network + 1), engineRange: `${toText(network + size / 2)}/${bits + 1}` };
}

const RESERVED = 10;

function hostRange(subnet: string): { first: number; last: number } {
  const { network, size } = readSubnet(subnet);
  return { first: network + RESERVED, last: network + size / 2 - 1 };
}

function readSubnet(subnet: string): { network: number; size: number; bits: number } {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})\/(\d{1,2})$/.exec(subnet);
  const [a = 0, b = 0, c = 0, d = 0, bits = 0] = match?.slice(1).map(Number) ?? [];
  if (match === null || Math.max(a, b, c, d) > 255 || bits < 8 || bits > 26) {
    throw new Error(`${subnet} is not an IPv4 subnet such as 10.213.0.0/16 (/8 to /26)`);
  }
  const size = 2 ** (32 - bits);
  const network = Math.floor((((a * 256 + b) * 256 + c) * 256 + d) / size) * size;
  return { network, size, bits };
}

function toText(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}
