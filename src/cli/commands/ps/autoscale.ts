import type { ApiClient } from '../../api-client.js';
import type { ApiAutoscale, ApiFormation } from '../../api-types.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { formatDuration, parseDuration } from '../../duration.js';
import { formatTable } from '../../format.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas ps:autoscale [TYPE] [--min N] [--max N] [--p95 TIME | --cpu PERCENT | --rps N] [--off]` */
export const command = defineCommand({
  summary: 'let the platform choose how many dynos run, or show what it goes by',
  args: '[TYPE]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    min: { type: 'string', value: 'N', summary: 'fewest dynos (1)' },
    max: { type: 'string', value: 'N', summary: 'most dynos' },
    p95: { type: 'string', value: 'TIME', summary: 'scale up when 5 % of the requests wait longer (500ms)' },
    cpu: { type: 'string', value: 'PERCENT', summary: 'scale up when dynos use more of a core each (70)' },
    rps: { type: 'string', value: 'N', summary: 'scale up when dynos get more requests a second each (50)' },
    off: { type: 'boolean', summary: 'leave the dynos at what they are now' },
  },
  example: 'paas ps:autoscale web --min 1 --max 5 --p95 500ms --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const change = readChange(flags);
    if (flags.off && Object.keys(change).length > 0) throw usageError('--off stands alone.');
    const app = await session.app(flags);
    const api = await session.api();
    const type = args[0] ?? 'web';
    const path = pathOf(app, type);
    if (flags.off) {
      const setting = await action(terminal, `Switching autoscale of ${type} off on ${app}`, () =>
        api.request<ApiAutoscale>('DELETE', path),
      );
      return flags.json ? printJson(terminal, setting) : undefined;
    }
    if (Object.keys(change).length > 0) {
      const setting = await action(
        terminal,
        `Setting autoscale of ${type} on ${app}`,
        () => api.request<ApiAutoscale>('PATCH', path, { json: change }),
        (done) => `done, ${describe(done)}`,
      );
      return flags.json ? printJson(terminal, setting) : undefined;
    }
    const shown = await readSettings(api, app, args[0]);
    if (flags.json) return printJson(terminal, shown);
    const rows = shown.map((entry) => [
      entry.type,
      String(entry.quantity),
      entry.autoscale ? describe(entry.autoscale) : 'off',
    ]);
    for (const line of formatTable([['type', 'qty', 'autoscale'], ...rows])) print(terminal, line);
  },
});

/** Of all process types, or of one. */
async function readSettings(api: ApiClient, app: string, type: string | undefined): Promise<Shown[]> {
  const formation = await api.list<ApiFormation>(`/apps/${app}/formation`);
  const shown = formation
    .filter((entry) => type === undefined || entry.type === type)
    .map((entry) => ({ type: entry.type, quantity: entry.quantity, autoscale: entry.autoscale ?? null }));
  if (type === undefined || shown.length > 0) return shown;
  // Fails for a type that the app does not have, but not for one that it had.
  return [{ type, quantity: 0, autoscale: await api.request<ApiAutoscale>('GET', pathOf(app, type)) }];
}

function pathOf(app: string, type: string): string {
  return `/apps/${app}/formation/${encodeURIComponent(type)}/autoscale`;
}

type Bounds = Pick<ApiAutoscale, 'min' | 'max' | 'metric' | 'target'>;
type Shown = Pick<ApiFormation, 'type' | 'quantity'> & { readonly autoscale: Bounds | null };
type Flag = 'min' | 'max' | 'p95' | 'cpu' | 'rps';

function readChange(
  flags: Readonly<Partial<Record<Flag, string | undefined>>>,
): Record<string, number | string> {
  const metrics = (['p95', 'cpu', 'rps'] as const).filter((metric) => flags[metric] !== undefined);
  if (metrics.length > 1) throw usageError(`--${metrics.join(' and --')} exclude each other.`);
  const min = parseCount('min', flags.min);
  const max = parseCount('max', flags.max);
  const [metric] = metrics;
  return {
    ...(min !== undefined && { min }),
    ...(max !== undefined && { max }),
    ...(metric !== undefined && { metric, target: readTarget(metric, flags[metric] ?? '') }),
  };
}

function readTarget(metric: 'p95' | 'cpu' | 'rps', text: string): number {
  if (metric === 'p95') return parseDuration('p95', text, 'ms');
  const [, digits] = (metric === 'cpu' ? /^(\d+(?:\.\d+)?)%?$/ : /^(\d+(?:\.\d+)?)$/).exec(text) ?? [];
  if (digits === undefined) throw usageError(`--${metric} must be a number, not "${text}".`);
  return Number(digits);
}

function describe({ min, max, metric, target }: Bounds): string {
  const shown =
    metric === 'p95' ? formatDuration(target ?? 0) : metric === 'cpu' ? `${target}%` : String(target);
  return `${min} to ${max} dynos, ${metric} ${shown}`;
}
