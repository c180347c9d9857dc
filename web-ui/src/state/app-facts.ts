import type { Client } from '../api/client.js';
import type { App, Build, Dyno, Explanation, FormationEntry, Release } from '../api/types.js';

/** What an app's pages share; releases and builds are newest first. */
export interface AppFacts {
  readonly app: App;
  readonly dynos: readonly Dyno[];
  /** Why the dynos are shown as they were seen earlier; undefined: they are not. */
  readonly warning: string | undefined;
  readonly formation: readonly FormationEntry[];
  readonly releases: readonly Release[];
  readonly builds: readonly Build[];
  /** Why dynos are not well; empty when that cannot be told. */
  readonly explanations: readonly Explanation[];
}

/** Asks for all of it at once. `history` is how many releases and builds to read. */
export async function loadAppFacts(
  client: Client,
  options: { name: string; history: number; signal: AbortSignal },
): Promise<AppFacts> {
  const { name, history, signal } = options;
  const [app, listed, formation, releases, builds, explanations] = await Promise.all([
    client.getApp(name, signal),
    client.listDynos(name, signal),
    client.listFormation(name, signal),
    client.listReleases(name, history, signal),
    client.listBuilds(name, history, signal),
    // The page is of use without them.
    client.explain(name, signal).catch(() => []),
  ]);
  return { app, ...listed, formation, releases, builds, explanations };
}
