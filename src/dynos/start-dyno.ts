// Starts one dyno: container, log streams, process. Its checks come after that (await-up.ts).

import type { Database } from '../db/database.js';
import { dynoSpec } from '../engine/container-spec.js';
import { EngineFailedError } from '../engine/docker-errors.js';
import type { Engine } from '../engine/engine.js';
import { PaasError } from '../errors.js';
import type { Logger } from '../log.js';
import type { App } from '../platform/apps.js';
import { getApp } from '../platform/apps.js';
import type { OnStep } from '../platform/deploy-steps.js';
import { listDynoWishes } from '../platform/dyno-wishes.js';
import { findRelease } from '../platform/releases.js';
import { cpuSharesOf } from '../platform/sizes.js';
import type { Addresses } from './addresses.js';
import type { StartedDyno } from './await-up.js';
import { tellCrash } from './crash.js';
import { type CreateContainerDeps, createContainer, ImageGoneError } from './create-container.js';
import { dynoName } from './dyno.js';
import type { DynoLog } from './dyno-log.js';
import type { HealthNotes } from './health-notes.js';
import type { Lives } from './lives.js';
import { type Slot, slotKey } from './plan.js';

export interface StartDynoDeps {
  readonly db: Database;
  readonly engine: Engine;
  readonly dynoLog: DynoLog;
  readonly lives: Lives;
  readonly healthNotes: HealthNotes;
  readonly addresses: Addresses;
  readonly log: Logger;
  readonly settings: CreateContainerDeps['settings'] & {
    /** How long a web process may take to open its port. */
    readonly bootTimeoutMs: number;
    readonly coolOffMs: number;
  };
  /** Makes a name unique: 12 hex digits. */
  readonly newSuffix: () => string;
  readonly onStep?: OnStep | undefined;
}

/** Starts a container for the slot; undefined when it could not: why is in the app's log. */
export async function startDyno(
  deps: StartDynoDeps,
  slot: Slot,
  options: { usedAddresses: ReadonlySet<string>; signal: AbortSignal },
): Promise<StartedDyno | undefined> {
  const app = getApp(deps.db, slot.appId);
  if (app === undefined) {
    deps.lives.endStart(slotKey(slot));
    return undefined;
  }
  let containerId: string | undefined;
  try {
    containerId = await createDyno(deps, { app, slot, usedAddresses: options.usedAddresses });
    deps.onStep?.('dyno-created');
    await deps.engine.startContainer(containerId);
    deps.onStep?.('dyno-started');
  } catch (error) {
    await giveUp(deps, slot, { containerId, error });
    return undefined;
  } finally {
    deps.lives.endStart(slotKey(slot));
  }
  return { ...slot, containerId, app, signal: options.signal };
}

async function createDyno(
  deps: StartDynoDeps,
  options: { app: App; slot: Slot; usedAddresses: ReadonlySet<string> },
): Promise<string> {
  const { app, slot } = options;
  const release = findRelease(deps.db, app, String(slot.releaseVersion));
  const name = dynoName(slot);
  const ip = deps.addresses.take(options.usedAddresses);
  try {
    const { containerId, command } = await createContainer(
      deps,
      {
        app,
        release,
        type: slot.type,
        number: slot.number,
        command: release.processTypes[slot.type] ?? '',
        hasPort: slot.type === 'web',
        memoryBytes: slot.memoryBytes,
        ip,
      },
      (request) =>
        dynoSpec({
          ...request,
          restarts: restartsOf(deps.db, slot),
          cpuShares: cpuSharesOf(slot.memoryBytes),
        }),
    );
    deps.lives.enter(containerId, 'starting');
    await deps.dynoLog.attach({ containerId, appId: app.id, process: name, tty: false });
    deps.dynoLog.platform(app.id, name, `Starting process with command \`${command}\``);
    return containerId;
  } finally {
    deps.addresses.settle(ip);
  }
}

function restartsOf(db: Database, slot: Slot): number {
  const wish = listDynoWishes(db, slot.appId).find((each) => dynoName(each) === dynoName(slot));
  return wish?.restarts ?? 0;
}

/** The engine would not create or start it: counts as a crash, so that it is tried again with growing waits. */
async function giveUp(
  deps: StartDynoDeps,
  slot: Slot,
  failure: { containerId: string | undefined; error: unknown },
): Promise<void> {
  const { containerId, error } = failure;
  deps.log.warn({ err: error, dyno: dynoName(slot), app: slot.appId }, 'a dyno could not be started');
  if (containerId !== undefined) {
    // Whoever stopped it before it was started has perhaps removed it, too.
    const isStopped = (deps.lives.get(containerId)?.phase ?? 'stopping') === 'stopping';
    deps.lives.enter(containerId, 'stopping');
    // When the engine refuses this too, the loop finds the container and removes it.
    await deps.engine.removeContainer(containerId).finally(() => deps.lives.forget(containerId));
    if (isStopped) return;
  }
  // No fault of the app: the loop tries again.
  if (await isAway(deps.engine, error)) throw error;
  const cause = error instanceof PaasError ? error.message : 'the platform could not start it';
  const next = error instanceof PaasError && error.hint !== undefined ? ` ${error.hint}` : '';
  const reason = `Could not start: ${cause}${next}`;
  const kind = error instanceof ImageGoneError ? 'image-missing' : 'could-not-start';
  const lines = [reason, 'State changed from starting to crashed'];
  const told = tellCrash(deps, { ...slot, containerId, isCurrent: true, kind, reason }, lines);
  if (told === 'uncounted') throw error;
}

/** Whether the engine, or what else it takes to start a dyno, does not answer now. */
async function isAway(engine: Pick<Engine, 'ping'>, error: unknown): Promise<boolean> {
  if (!(error instanceof PaasError && error.id === 'service_unavailable')) return false;
  if (!(error instanceof EngineFailedError)) return true;
  // Its last answers are errors, too.
  return await engine.ping().then(
    () => false,
    () => true,
  );
}
