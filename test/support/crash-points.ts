// Arms test/support/crashing-daemon.mjs: which step of a deploy ends paasd.

import { rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DeployStep } from '../../src/platform/deploy-steps.js';

const PROJECT = resolve(import.meta.dirname, '../..');

/** The arguments of node for a paasd that can be armed. */
export function crashingDaemon(dataDir: string): readonly string[] {
  return [join(import.meta.dirname, 'crashing-daemon.mjs'), join(PROJECT, 'dist'), armedPath(dataDir)];
}

/** From now on the first `step`, or the first after `after`, ends paasd by SIGKILL; once. */
export function armCrash(dataDir: string, step: DeployStep, after?: DeployStep): void {
  writeFileSync(armedPath(dataDir), after === undefined ? step : `${step} after ${after}`);
}

export function disarmCrash(dataDir: string): void {
  rmSync(armedPath(dataDir), { force: true });
}

function armedPath(dataDir: string): string {
  return join(dataDir, 'crash-at');
}

/** All steps, with the one that must have been before where a step also comes at other times. */
export const CRASH_POINTS: Readonly<Record<DeployStep, { readonly after?: DeployStep }>> = {
  'push-received': {},
  'refs-received': {},
  'build-queued': {},
  'build-started': {},
  'source-unpacked': {},
  'image-committed': {},
  'release-written': {},
  'release-phase-created': {},
  'release-phase-started': {},
  'release-phase-ended': {},
  'release-phase-recorded': {},
  'dyno-created': {},
  'dyno-started': {},
  'dyno-healthy': {},
  'dyno-up': {},
  'router-told': { after: 'dyno-up' },
  'old-draining': {},
  'old-drained': {},
  'old-stopped': {},
  'old-removed': {},
  'rollout-ended': {},
  'push-accepted': {},
  'branch-moved': {},
  'push-settled': {},
};
