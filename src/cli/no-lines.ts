// Why a log has no line of the dynos that were asked for: mostly a typing error. Lines of dynos that are no more stay
// readable, so this is advice for when there are none, and never an error.

import type { ApiClient } from './api-client.js';
import type { ApiDyno, ApiFormation } from './api-types.js';
import { type DynoTarget, dynoType } from './dyno-target.js';
import { suggest } from './suggest.js';

/** Processes of the platform, and of dynos that come and go: they may have said nothing yet. */
const OTHER_PROCESSES = ['router', 'api', 'build', 'logplex', 'run', 'release'];

/** Asks the app for what it has, and says what is wrong with the target; undefined when nothing is. */
export async function adviseOnTarget(
  api: ApiClient,
  app: string,
  target: DynoTarget,
): Promise<string | undefined> {
  if (target.kind === 'all') return undefined;
  const [formation, dynos] = await Promise.all([
    api.list<ApiFormation>(`/apps/${app}/formation`),
    api.list<ApiDyno>(`/apps/${app}/dynos`),
  ]);
  return explainNoLines({ app, target, formation, dynos });
}

/** One or two sentences, or undefined when the app has such dynos and they merely said nothing. Pure. */
export function explainNoLines(known: {
  app: string;
  target: DynoTarget;
  formation: readonly Pick<ApiFormation, 'type' | 'quantity'>[];
  dynos: readonly Pick<ApiDyno, 'name'>[];
}): string | undefined {
  const { app, target, formation, dynos } = known;
  if (target.kind === 'all') return undefined;
  const type = target.kind === 'type' ? target.type : dynoType(target.name);
  const entry = formation.find((each) => each.type === type);
  if (entry === undefined && !OTHER_PROCESSES.includes(type)) {
    const types = formation.map((each) => each.type);
    const has = types.length === 0 ? 'It has none yet: deploy first.' : `It has: ${types.join(', ')}.`;
    const near = suggest(type, [...types, ...OTHER_PROCESSES]);
    const hint = near === undefined ? '' : ` Did you mean ${nameLike(target, near)}?`;
    return `No lines: ${app} has no process type "${type}". ${has}${hint}`;
  }
  if (target.kind === 'type') {
    return entry?.quantity === 0 ? `No lines: ${type} is scaled to 0 on ${app}.` : undefined;
  }
  if ((entry === undefined && type !== 'run') || dynos.some(({ name }) => name === target.name))
    return undefined;
  const siblings = dynos.map(({ name }) => name).filter((name) => dynoType(name) === type);
  const has = siblings.length === 0 ? `No ${type} dyno runs.` : `It has: ${siblings.join(', ')}.`;
  return `No lines: ${app} has no dyno ${target.name} now. ${has}`;
}

function nameLike(target: DynoTarget, type: string): string {
  return target.kind === 'dyno' ? `${type}${target.name.slice(target.name.lastIndexOf('.'))}` : type;
}
