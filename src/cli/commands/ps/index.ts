import type { ApiDyno } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatAgo, formatUntil } from '../../format.js';
import { paint, print, printHeader, printJson, type Style, type Terminal } from '../../terminal.js';

/** `paas ps [TYPE...]`: the dynos, one group a process type, one-off dynos last. */
export const command = defineCommand({
  summary: 'list the dynos of an app',
  args: '[TYPE...]',
  arity: [0, 100],
  flags: {
    ...appFlags,
    ...jsonFlag,
    extended: { type: 'boolean', short: 'x', summary: 'show the release of each' },
  },
  example: 'paas ps --app example',
  async run(session, { args: types, flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const all = await api.list<ApiDyno>(`/apps/${app}/dynos`);
    const dynos = types.length === 0 ? all : all.filter((dyno) => types.includes(dyno.type));
    const missing = types.find((type) => !all.some((dyno) => dyno.type === type));
    if (missing !== undefined)
      throw new CliError(`No ${missing} dynos on ${app}.`, { hint: `See: paas ps --app ${app}` });
    if (flags.json) return printJson(terminal, dynos);
    if (dynos.length === 0) return print(terminal, `No dynos on ${app}.`);
    printDynos(terminal, dynos, flags.extended === true);
  },
});

function printDynos(terminal: Terminal, dynos: readonly ApiDyno[], isExtended: boolean): void {
  const now = new Date();
  const groups = new Map<string, ApiDyno[]>();
  for (const dyno of dynos.toSorted(byName)) {
    const title = isOneOff(dyno) ? 'run: one-off processes' : processTitle(dyno);
    groups.set(title, [...(groups.get(title) ?? []), dyno]);
  }
  for (const [title, members] of groups) {
    printHeader(terminal, `${title} (${members.length})`);
    for (const dyno of members) {
      const state = paint(terminal.hasColors, stateStyle(dyno.state), dyno.state);
      const release = isExtended ? ` v${dyno.release.version}` : '';
      const status = `${state} ${formatAgo(new Date(dyno.updated_at), now)}${nextTry(dyno, now)}${release}`;
      const isRun = isOneOff(dyno);
      print(
        terminal,
        isRun ? `${dyno.name} (${dyno.size}): ${status}: ${dyno.command}` : `${dyno.name}: ${status}`,
      );
    }
    print(terminal);
  }
}

/** `, next try in 20m` of a crashed one, or of one that an older release goes on for. */
function nextTry({ next_try_at: at, state, release }: ApiDyno, now: Date): string {
  if (at === undefined || at === null) return '';
  const what = state === 'crashed' ? '' : `v${release.version} goes on, the new release crashed: `;
  return `, ${what}next try in ${formatUntil(new Date(at), now)}`;
}

/** A dyno without a command runs the one of its image. */
function processTitle({ type, size, command }: ApiDyno): string {
  return command === '' ? `${type} (${size})` : `${type} (${size}): ${command}`;
}

function isOneOff(dyno: ApiDyno): boolean {
  return dyno.type === 'run';
}

/** web first, one-off dynos last, else by type; then by number. */
function byName(a: ApiDyno, b: ApiDyno): number {
  const rank = (type: string) => (type === 'web' ? 0 : type === 'run' ? 2 : 1);
  const number = (dyno: ApiDyno) => Number(dyno.name.split('.')[1]);
  return rank(a.type) - rank(b.type) || a.type.localeCompare(b.type) || number(a) - number(b);
}

function stateStyle(state: string): Style {
  if (state === 'up') return 'green';
  if (state === 'crashed' || state === 'down') return 'red';
  return 'yellow';
}
