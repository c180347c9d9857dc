import type { ApiCheck } from '../../api-types.js';
import { formatChecks, parseHeader, parseSeconds } from '../../checks.js';
import { usageError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { action, print, printJson } from '../../terminal.js';

/** `paas checks:set TYPE [--http PATH | --listening | --command CMD | --off] [...]` */
export const command = defineCommand({
  summary: 'set how the dynos of a process type are checked',
  args: 'TYPE',
  arity: [1, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    http: { type: 'string', value: 'PATH', summary: 'a GET of this path must be answered with 200-399' },
    listening: { type: 'boolean', summary: 'the port must accept connections' },
    command: { type: 'string', value: 'CMD', summary: 'this command in the dyno must end with 0' },
    off: { type: 'boolean', summary: 'ask nothing: the dyno only has to run' },
    port: { type: 'string', value: 'PORT', summary: 'port of the dyno, instead of its $PORT' },
    status: { type: 'string', value: 'RANGE', summary: 'statuses that are fine, such as 200 or 200-299' },
    host: { type: 'string', value: 'NAME', summary: 'Host header of the GET' },
    header: { type: 'string', multiple: true, value: 'HEADER', summary: 'header of the GET: "Name: value"' },
    content: { type: 'string', value: 'TEXT', summary: 'text that the answer must hold' },
    interval: { type: 'string', value: 'TIME', summary: 'from one try to the next (10s)' },
    timeout: { type: 'string', value: 'TIME', summary: 'of one try (5s)' },
    attempts: { type: 'string', value: 'N', summary: 'failures in a row that count (3)' },
    'initial-delay': { type: 'string', value: 'TIME', summary: 'before the first try (0s)' },
    startup: { type: 'boolean', summary: 'only the check before a dyno is up' },
    liveness: { type: 'boolean', summary: 'only the checks while it is up' },
  },
  example: 'paas checks:set web --http /health --interval 10s --timeout 5s --attempts 3 --app example',
  async run(session, { args: [type = ''], flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const body = {
      phase: phaseOf(flags),
      kind: kindOf(flags),
      path: flags.http,
      status: flags.status,
      host: flags.host,
      headers: flags.header?.map(parseHeader),
      content: flags.content,
      port: parseCount('port', flags.port),
      command: flags.command,
      interval: parseSeconds('interval', flags.interval),
      timeout: parseSeconds('timeout', flags.timeout),
      attempts: parseCount('attempts', flags.attempts),
      initial_delay: parseSeconds('initial-delay', flags['initial-delay']),
    };
    if (Object.entries(body).every(([field, value]) => field === 'phase' || value === undefined)) {
      throw usageError('Say what to check: --http PATH, --listening, --command CMD or --off.');
    }
    const api = await session.api();
    const checks = await action(terminal, `Setting checks of ${type} on ${app}`, () =>
      api.request<ApiCheck[]>('PATCH', `/apps/${app}/checks/${encodeURIComponent(type)}`, { json: body }),
    );
    if (flags.json) return printJson(terminal, checks);
    for (const line of formatChecks(checks)) print(terminal, line);
  },
});

function phaseOf(flags: { startup?: boolean | undefined; liveness?: boolean | undefined }) {
  if (flags.startup === flags.liveness) return undefined;
  return flags.startup ? 'startup' : 'liveness';
}

function kindOf(flags: {
  http?: string | undefined;
  command?: string | undefined;
  listening?: boolean | undefined;
  off?: boolean | undefined;
}): ApiCheck['kind'] | undefined {
  const kinds: ApiCheck['kind'][] = [];
  if (flags.http !== undefined) kinds.push('http');
  if (flags.command !== undefined) kinds.push('command');
  if (flags.listening) kinds.push('port');
  if (flags.off) kinds.push('off');
  if (kinds.length > 1) throw usageError('Give only one of --http, --listening, --command and --off.');
  return kinds[0];
}
