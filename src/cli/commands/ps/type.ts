import type { ApiFormation } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatTable } from '../../format.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas ps:type [SIZE | TYPE=SIZE...]` */
export const command = defineCommand({
  summary: 'show or change the size of dynos',
  args: '[SIZE | TYPE=SIZE...]',
  arity: [0, 100],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas ps:type web=1g --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/formation`;
    let formation = await api.list<ApiFormation>(path);
    if (args.length > 0) {
      const updates = parseSizes(args, formation);
      formation = await action(terminal, `Scaling dynos on ${app}`, () =>
        api.request<ApiFormation[]>('PATCH', path, { json: { updates } }),
      );
    }
    if (flags.json) return printJson(terminal, formation);
    const rows = formation.map((entry) => [entry.type, entry.size, String(entry.quantity)]);
    for (const line of formatTable([['type', 'size', 'qty'], ...rows])) print(terminal, line);
  },
});

function parseSizes(
  args: readonly string[],
  formation: readonly ApiFormation[],
): { type: string; size: string }[] {
  const [only = ''] = args;
  if (args.length === 1 && /^[\w.-]+$/.test(only)) return formation.map(({ type }) => ({ type, size: only }));
  return args.map((arg) => {
    const [, type, size] = /^([\w-]+)=([\w.-]+)$/.exec(arg) ?? [];
    if (type === undefined || size === undefined) throw usageError(`"${arg}" is not of the form TYPE=SIZE.`);
    return { type, size };
  });
}
