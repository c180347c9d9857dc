// Requests and errors of each release of the last while, from the router's counts of each server. In memory: after a
// restart of the daemon the router's own counts are the start.

import type { Traffic } from '../platform/release-watches.js';
import type { ServerTraffic } from '../router/server-traffic.js';

export interface TrafficMeter {
  /** Takes the router's counts; `versionOf` tells the release of a server that is known by now. */
  take(
    counts: readonly ServerTraffic[],
    versionOf: (server: ServerTraffic) => number | undefined,
    nowMs: number,
  ): void;
  /** What the dynos of a release answered in the last 10 to 20 minutes. */
  of(appId: string, version: number): Traffic;
}

const PERIOD_MS = 10 * 60_000;

interface Seen extends Traffic {
  readonly version: number;
}

export function createTrafficMeter(): TrafficMeter {
  let seen = new Map<string, Seen>();
  let older = new Map<string, Traffic>();
  let recent = new Map<string, Traffic>();
  let recentSince = 0;

  return {
    take(counts, versionOf, nowMs) {
      if (nowMs - recentSince >= PERIOD_MS) {
        older = nowMs - recentSince >= 2 * PERIOD_MS ? new Map() : recent;
        recent = new Map();
        recentSince = nowMs;
      }
      const next = new Map<string, Seen>();
      for (const count of counts) {
        const { appId, server, requests, errors } = count;
        const before = seen.get(server);
        const version = before?.version ?? versionOf(count);
        if (version === undefined) continue;
        next.set(server, { version, requests, errors });
        const key = keyOf(appId, version);
        recent.set(key, plus(recent.get(key), since({ requests, errors }, before)));
      }
      seen = next;
    },
    of: (appId, version) => plus(older.get(keyOf(appId, version)), recent.get(keyOf(appId, version))),
  };
}

function keyOf(appId: string, version: number): string {
  return `${appId}@${version}`;
}

function plus(a: Traffic | undefined, b: Traffic | undefined): Traffic {
  return {
    requests: (a?.requests ?? 0) + (b?.requests ?? 0),
    errors: (a?.errors ?? 0) + (b?.errors ?? 0),
  };
}

/** What came after `before`; fewer than that means that a new worker of HAProxy counts from zero. */
function since(now: Traffic, before: Traffic | undefined): Traffic {
  if (before === undefined || now.requests < before.requests) return now;
  return { requests: now.requests - before.requests, errors: Math.max(0, now.errors - before.errors) };
}
