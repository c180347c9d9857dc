// The engine's lists of containers, and what they showed last for when it is away: whoever asks what runs is told what was
// seen then, and since when nobody knows better. docs/decisions/0217-what-runs-while-the-engine-is-away.md

import { setTimeout as sleep } from 'node:timers/promises';
import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';

export interface SeenContainers {
  /** As the engine's own: rejects while it is away. */
  readonly listContainers: Engine['listContainers'];
  /** The one-off dynos of an app: asked anew, or as they were last seen when the engine is silent. Never rejects. */
  oneOffsOf(appId: AppId): Promise<readonly Container[]>;
  /** When the engine last told what runs (epoch ms), if it does not tell now. */
  silentSince(): number | undefined;
}

/** Somebody waits in a terminal; a busy engine lists within a second. */
const PATIENCE_MS = 5000;

export function createSeenContainers(deps: {
  engine: Pick<Engine, 'listContainers'>;
  /** Epoch ms. */
  now: () => number;
  patienceMs?: number;
}): SeenContainers {
  const { engine, now, patienceMs = PATIENCE_MS } = deps;
  let heard = { at: performance.now(), epochMs: now() };
  let isSilent = false;
  let oneOffs: readonly Container[] = [];

  async function listContainers(options: { app?: string } = {}): Promise<Container[]> {
    const begunAt = performance.now();
    const noteSilence = () => {
      // Unless it has answered somebody who asked later.
      if (begunAt >= heard.at) isSilent = true;
    };
    const patience = setTimeout(noteSilence, patienceMs).unref();
    try {
      const listed = await engine.listContainers(options);
      keepOneOffs(listed, options.app);
      heard = { at: performance.now(), epochMs: now() };
      isSilent = false;
      return listed;
    } catch (error) {
      noteSilence();
      throw error;
    } finally {
      clearTimeout(patience);
    }
  }

  function keepOneOffs(listed: readonly Container[], app: string | undefined): void {
    const others = app === undefined ? [] : oneOffs.filter(({ labels }) => labels[LABEL.app] !== app);
    oneOffs = [...others, ...listed.filter(({ labels }) => labels[LABEL.role] === 'one-off')];
  }

  return {
    listContainers,
    silentSince: () => (isSilent ? heard.epochMs : undefined),
    async oneOffsOf(appId) {
      // The loop asks again and again: it is the first to hear of it.
      if (!isSilent) {
        const asked = listContainers({ app: appId }).catch(() => undefined);
        await Promise.race([asked, sleep(patienceMs, undefined, { ref: false })]);
      }
      return oneOffs.filter(({ labels }) => labels[LABEL.app] === appId);
    },
  };
}
