// Ports and subnets that no other test has: files run at once, each in a worker with a number, and share the machine.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';

/** Each worker draws from its own share of the numbers, so that two that draw at once never get the same. */
const SHARES = 8;
const SHARE = Number(process.env['VITEST_POOL_ID'] ?? 0) % SHARES;
/** Below the ports that the kernel gives to outgoing connections (32768 and up): one of those may take any of them. */
const PORTS = { from: 10_240, to: 32_760 };
const taken = new Set<string>();

/** A port of 127.0.0.1 on which nothing listens, and that stays free until this test uses it. */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = draw('port', PORTS.from, PORTS.to);
    if (await isFree(port)) return port;
  }
}

/** A subnet such as `10.104.32.0/20`, its second number from `from` up to, not including, `to`. */
export function ownSubnet(from: number, to: number): string {
  const block = draw('subnet', from * 16, to * 16);
  return `10.${Math.floor(block / 16)}.${(block % 16) * 16}.0/20`;
}

function draw(what: string, from: number, to: number): number {
  for (;;) {
    const drawn = randomInt(from / SHARES, to / SHARES) * SHARES + SHARE;
    const name = `${what} ${drawn}`;
    if (taken.has(name)) continue;
    taken.add(name);
    return drawn;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
