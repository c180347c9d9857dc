// What the loop should do about one app now. Pure: from what is wished and what runs to a list of actions.

import { isDeepStrictEqual } from 'node:util';
import type { AppId } from '../ids.js';
import type { DynoCrashes, DynoWish } from '../platform/dyno-wishes.js';
import type { FormationEntry } from '../platform/formation.js';
import { nextTryAt } from './crash-backoff.js';
import type { DynoContainer, Verdict } from './dyno.js';

/** One thing to do; all actions of a plan can be carried out at the same time. */
export type Action =
  /** Start a new container for this slot of the formation; `isCycling`: for one that is as it should be, but old. */
  | { readonly kind: 'start'; readonly slot: Slot; readonly isCycling: boolean }
  /** Give up a start that waits for its turn and that nobody wants any more. */
  | { readonly kind: 'abandon'; readonly slot: Slot }
  /** Take requests away from a container, stop and remove it. */
  | { readonly kind: 'stop'; readonly container: DynoContainer; readonly why: StopReason }
  /** End a container that must not go on, and count that as a crash. */
  | {
      readonly kind: 'condemn';
      readonly container: DynoContainer;
      readonly verdict: Verdict;
      readonly isCurrent: boolean;
    }
  /**
   * A container ended by itself: say so, count it, remove it. `isCurrent`: its release is, and its place is wanted; who
   * stopped one of another place may have been an earlier daemon.
   */
  | { readonly kind: 'bury'; readonly container: DynoContainer; readonly isCurrent: boolean };

export type StopReason = 'replaced' | 'scaled-down' | 'stopped-by-user' | 'surplus' | 'idle' | 'cycled';

export interface Slot {
  readonly appId: AppId;
  readonly type: string;
  readonly number: number;
  readonly releaseVersion: number;
  readonly memoryBytes: number;
}

/** What the plan is made from. */
export interface AppState {
  readonly appId: AppId;
  /** The current release; undefined or without an image: nothing runs. */
  readonly releaseVersion: number | undefined;
  readonly formation: readonly FormationEntry[];
  /** Its web dynos are not wanted until somebody asks for them. */
  readonly isAsleep: boolean;
  readonly wishes: readonly DynoWish[];
  readonly crashes: readonly DynoCrashes[];
  readonly containers: readonly DynoContainer[];
  /** Slots (as `slotKey`) whose container is being created right now. */
  readonly starting: ReadonlySet<string>;
  /** Those of them whose turn to boot has not come. */
  readonly waiting: readonly Slot[];
  readonly nowMs: number;
  readonly coolOffMs: number;
  /** Age at which dynos are replaced; undefined: none. */
  readonly cycleMs?: number | undefined;
}

// Heroku: every 24 hours, and up to 216 minutes more.
const CYCLE_SPREAD = 0.15;

/** The plan, and when to look again although nothing happens (epoch ms; undefined: no need). */
export interface Plan {
  readonly actions: readonly Action[];
  readonly nextLookAt: number | undefined;
}

/**
 * web: the new container is up before the old one is stopped. Other types, which may not tolerate two of a kind:
 * old ones are stopped first, once every web dyno of the new release is up, so that a release whose web process does
 * not come up leaves the whole old one running.
 */
export function planApp(state: AppState): Plan {
  const waits: number[] = [];
  const live = state.containers.filter((container) => container.isRunning);
  const slots = wantedSlots(state);
  const actions: Action[] = abandonMoot(state, slots);
  const wanted = new Set(slots.map(placeKey));
  for (const container of state.containers) {
    if (container.phase === 'stopping') continue;
    const isCurrent = container.releaseVersion === state.releaseVersion && wanted.has(placeKey(container));
    if (!container.isRunning) actions.push({ kind: 'bury', container, isCurrent });
    else if (container.verdict !== undefined) {
      actions.push({ kind: 'condemn', container, verdict: container.verdict, isCurrent });
    }
  }
  for (const container of live) {
    if (!isActive(container) || wanted.has(placeKey(container))) continue;
    actions.push({ kind: 'stop', container, why: stopReason(state, container) });
  }
  const webIsUp = slots.every(
    (slot) =>
      slot.type !== 'web' || live.some((c) => isActive(c) && fits(c, slot, state) && c.phase === 'up'),
  );
  for (const slot of slots) {
    const here = live.filter((container) => placeKey(container) === placeKey(slot));
    planSlot({ slot, here, state, mayReplaceOthers: webIsUp, actions, waits });
  }
  return { actions, nextLookAt: waits.length === 0 ? undefined : Math.min(...waits) };
}

function abandonMoot({ waiting }: AppState, wanted: readonly Slot[]): Action[] {
  const moot = waiting.filter((slot) => !wanted.some((each) => isDeepStrictEqual(each, slot)));
  return moot.map((slot) => ({ kind: 'abandon', slot }));
}

/** Whether dynos are wanted, and every one is up with the current release. */
export function isLive(state: AppState): boolean {
  const slots = wantedSlots(state);
  const up = state.containers.filter((container) => container.isRunning && container.phase === 'up');
  return slots.length > 0 && slots.every((slot) => up.some((container) => fits(container, slot, state)));
}

/** Names an app's slot at one release: what is being started. */
export function slotKey(slot: Pick<Slot, 'appId' | 'type' | 'number' | 'releaseVersion'>): string {
  return `${slot.appId}/${placeKey(slot)}@${slot.releaseVersion}`;
}

interface SlotPlan {
  readonly slot: Slot;
  /** Running containers in the slot's place. */
  readonly here: readonly DynoContainer[];
  readonly state: AppState;
  readonly mayReplaceOthers: boolean;
  readonly actions: Action[];
  readonly waits: number[];
}

function planSlot(plan: SlotPlan): void {
  const { slot, here, state } = plan;
  const active = here.filter(isActive);
  const right = active.filter((container) => fits(container, slot, state) && !isOld(container, state));
  const best = right.find((container) => container.phase === 'up') ?? right[0];
  stopOthers(plan, active, best);
  if (best === undefined && mayStart(plan)) {
    const readyAt = nextTry(slot, state);
    if (readyAt <= state.nowMs)
      plan.actions.push({ kind: 'start', slot, isCycling: active.some((each) => fits(each, slot, state)) });
    else plan.waits.push(readyAt);
  }
}

/** Stops second copies of the right container, and wrong ones as soon as the order of replacement lets it. */
function stopOthers(plan: SlotPlan, active: readonly DynoContainer[], best: DynoContainer | undefined): void {
  const isRoutedType = plan.slot.type === 'web';
  const mayStopWrong = isRoutedType ? best?.phase === 'up' : plan.mayReplaceOthers || best !== undefined;
  // A restart or another size is not held up by web dynos, which may be down for long: only a new release is.
  const mayStop = ({ releaseVersion }: DynoContainer) =>
    mayStopWrong || (!isRoutedType && releaseVersion === plan.slot.releaseVersion);
  for (const container of active) {
    if (container === best) continue;
    const fitsSlot = fits(container, plan.slot, plan.state);
    const isRight = fitsSlot && !isOld(container, plan.state);
    if (!isRight && !mayStop(container)) continue;
    const why = isRight ? 'surplus' : fitsSlot ? 'cycled' : 'replaced';
    plan.actions.push({ kind: 'stop', container, why });
  }
}

function mayStart({ slot, here, state }: SlotPlan): boolean {
  if (state.starting.has(slotKey(slot))) return false;
  // Its crash must be counted before it is tried again.
  if (state.containers.some((container) => hasCrashed(container) && fits(container, slot, state)))
    return false;
  // Not web: the place must be empty before its next process starts.
  return slot.type === 'web' || here.length === 0;
}

/** Whether it goes on unless the plan ends it. */
function isActive(container: DynoContainer): boolean {
  return container.phase !== 'stopping' && container.verdict === undefined;
}

function hasCrashed(container: DynoContainer): boolean {
  if (!container.isRunning) return container.isOver !== true;
  return container.verdict !== undefined && container.phase !== 'stopping';
}

/** The places that are to be filled: those of the formation, without what sleeps or was stopped. */
export function wantedSlots(state: AppState): Slot[] {
  const { releaseVersion, appId } = state;
  if (releaseVersion === undefined) return [];
  const awake = state.formation.filter((entry) => !(state.isAsleep && entry.type === 'web'));
  return awake.flatMap((entry) =>
    Array.from({ length: entry.quantity }, (_, index) => ({
      appId,
      type: entry.type,
      number: index + 1,
      releaseVersion,
      memoryBytes: entry.memoryBytes,
    })).filter((slot) => !wishFor(state, slot)?.stopped),
  );
}

/** Whether the container is what the slot asks for: this release, this size, and made for the restarts that are asked for. */
function fits(container: DynoContainer, slot: Slot, state: AppState): boolean {
  return (
    placeKey(container) === placeKey(slot) &&
    container.releaseVersion === slot.releaseVersion &&
    container.memoryBytes === slot.memoryBytes &&
    container.restarts >= (wishFor(state, slot)?.restarts ?? 0)
  );
}

/** Whether it is to be replaced for its age alone. */
function isOld(container: DynoContainer, state: AppState): boolean {
  if (state.cycleMs === undefined || container.phase === 'starting') return false;
  const age = state.nowMs - container.createdAt;
  return age >= state.cycleMs * (1 + CYCLE_SPREAD * fractionOf(container.containerId));
}

/** From 0 to 1, always the same for a container: its dynos do not all go at once. */
function fractionOf(containerId: string): number {
  return Number.parseInt(containerId.slice(0, 8), 16) / 2 ** 32 || 0;
}

function nextTry(slot: Slot, state: AppState): number {
  const crashes = state.crashes.find((crash) => placeKey(crash) === placeKey(slot));
  if (crashes === undefined || crashes.releaseVersion !== slot.releaseVersion) return 0;
  return nextTryAt(crashes, state);
}

function stopReason(state: AppState, container: DynoContainer): StopReason {
  if (wishFor(state, container)?.stopped) return 'stopped-by-user';
  return state.isAsleep && container.type === 'web' ? 'idle' : 'scaled-down';
}

function wishFor(state: AppState, place: { type: string; number: number }): DynoWish | undefined {
  return state.wishes.find((wish) => placeKey(wish) === placeKey(place));
}

function placeKey(place: { type: string; number: number }): string {
  return `${place.type}.${place.number}`;
}
