// What the engine's newest lists showed, by app. A look at a few apps asks for their containers only; the full look that
// comes every few seconds finds what nobody told of.

import { LABEL } from '../engine/container-spec.js';
import type { Container, Engine } from '../engine/engine.js';
import type { AppId } from '../ids.js';
import { type DynoContainer, readDynoContainer } from './dyno.js';
import { PAUSED } from './liveness.js';
import type { Lives } from './lives.js';
import { slotKey } from './plan.js';
import type { SeenEnds } from './seen-ends.js';
import type { Scope } from './wakeup.js';

export interface Inventory {
  /** Asks the engine anew, and has `adopt` look at each container; gives what there is of the apps in the scope. */
  look(scope: Scope, adopt: (container: Container) => void): Promise<readonly Container[]>;
  /** The dyno containers of an app, in the phase they are in now. */
  of(appId: AppId): readonly DynoContainer[];
  /** The same of all apps. */
  all(): readonly DynoContainer[];
  /** Addresses of all containers. */
  usedAddresses(): ReadonlySet<string>;
}

/** Above it, one list of everything is cheaper. */
const MAX_LISTS = 3;

export function createInventory(deps: {
  listContainers: Engine['listContainers'];
  lives: Lives;
  seenEnds: Pick<SeenEnds, 'apply'>;
}): Inventory {
  const { listContainers, lives, seenEnds } = deps;
  /** By app id; what belongs to no app is under the empty text. */
  let listed = new Map<string, Container[]>();
  let dynos = new Map<string, DynoContainer[]>();

  async function list(scope: Scope): Promise<Container[]> {
    if (scope === 'all') return await listContainers();
    if (scope.size > MAX_LISTS) {
      const all = await listContainers();
      return all.filter((container) => scope.has(appOf(container) as AppId));
    }
    return (await Promise.all([...scope].map((app) => listContainers({ app })))).flat();
  }

  /** Whoever made it will not start it, so it fills no place. */
  function isUnstarted({ state }: Container, dyno: DynoContainer): boolean {
    return state === 'created' && !lives.starting.has(slotKey(dyno));
  }

  /** Reads the dynos among them, and condemns those that somebody paused. */
  function readDynos(containers: readonly Container[]): DynoContainer[] {
    return containers.flatMap((container) => {
      const read = readDynoContainer(container, lives.get(container.id)?.phase ?? 'starting');
      if (read === undefined || lives.isGone(container.id)) return [];
      if (isUnstarted(container, read)) return [];
      if (container.state === 'paused') lives.condemn(container.id, PAUSED);
      return [{ ...read, verdict: lives.get(container.id)?.verdict }];
    });
  }

  /** What was listed takes the place of what was known of the scope. */
  function keep(scope: Scope, containers: readonly Container[]): void {
    if (scope === 'all') {
      listed = new Map();
      dynos = new Map();
    } else {
      for (const app of scope) {
        listed.delete(app);
        dynos.delete(app);
      }
    }
    for (const container of containers) {
      const app = appOf(container);
      listed.set(app, [...(listed.get(app) ?? []), container]);
    }
    for (const app of new Set(containers.map(appOf))) dynos.set(app, readDynos(listed.get(app) ?? []));
  }

  function asOfNow(container: DynoContainer): DynoContainer {
    const { phase = container.phase, isOver } = lives.get(container.containerId) ?? {};
    return phase === container.phase && isOver === undefined ? container : { ...container, phase, isOver };
  }

  return {
    async look(scope, adopt) {
      if (scope !== 'all' && scope.size === 0) return [];
      const before = scope === 'all' ? undefined : idsOf([...scope].flatMap((app) => listed.get(app) ?? []));
      const endList = lives.beginPass();
      const containers = (await list(scope)).map(seenEnds.apply);
      for (const container of containers) adopt(container);
      endList(idsOf(containers), before);
      keep(scope, containers);
      return containers;
    },
    of: (appId) => (dynos.get(appId) ?? []).map(asOfNow),
    all: () => [...dynos.values()].flatMap((group) => group.map(asOfNow)),
    usedAddresses: () =>
      new Set([...listed.values()].flat().flatMap(({ ip }) => (ip === undefined ? [] : [ip]))),
  };
}

function appOf(container: Container): string {
  return container.labels[LABEL.app] ?? '';
}

function idsOf(containers: readonly Container[]): ReadonlySet<string> {
  return new Set(containers.map(({ id }) => id));
}
