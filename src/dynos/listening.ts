// Where the processes of a dyno listen, and how to say that it is the wrong place.

import { readFile } from 'node:fs/promises';

/** Where processes in the network namespace of `pid` listen, such as `127.0.0.1:3000`; empty when unknown. */
export async function listeningSockets(pid: number): Promise<string[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => readFile(`/proc/${pid}/net/${name}`, 'utf8').catch(() => '')),
  );
  return [...new Set(tables.flatMap(parseListening))].sort();
}

/** The listening addresses in the text of /proc/net/tcp or tcp6 (proc(5)); Docker's own resolver is left out. */
export function parseListening(table: string): string[] {
  const listening: string[] = [];
  for (const line of table.split('\n').slice(1)) {
    const [, local, , state] = line.trim().split(/\s+/);
    // 0A is TCP_LISTEN.
    if (state !== '0A' || local === undefined) continue;
    const [address = '', port = ''] = local.split(':');
    const host = readAddress(address);
    if (host !== '127.0.0.11') listening.push(`${host}:${Number.parseInt(port, 16)}`);
  }
  return listening;
}

/** Whether one of them takes connections from outside the container on this port. */
export function listensOn(sockets: readonly string[], port: number): boolean {
  return sockets.some((socket) => socket.endsWith(`:${port}`) && !/^(127\.|\[::1\])/.test(socket));
}

/** What to tell of a web process that did not open its port in time. */
export function describeListening(sockets: readonly string[], port: number): string {
  if (sockets.length === 0) return `it listened on no port at all; it must listen on 0.0.0.0:$PORT (${port})`;
  return `it listened on ${sockets.join(', ')} instead of 0.0.0.0:$PORT (${port})`;
}

// The kernel prints addresses as 32-bit words in host byte order (little endian).
function readAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? [];
  const bytes = words.flatMap((word) =>
    (word.match(/../g) ?? []).reverse().map((byte) => Number.parseInt(byte, 16)),
  );
  if (bytes.length === 4) return bytes.join('.');
  if (bytes.every((byte) => byte === 0)) return '[::]';
  if (bytes.slice(0, 15).every((byte) => byte === 0) && bytes[15] === 1) return '[::1]';
  const groups = Array.from({ length: 8 }, (_, i) =>
    ((bytes[2 * i] ?? 0) * 256 + (bytes[2 * i + 1] ?? 0)).toString(16),
  );
  return `[${groups.join(':')}]`;
}
