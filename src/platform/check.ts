// One check of a process type: what is asked of a dyno, how often, and how many failures in a row count. Pure.

import { type CheckRules, checkRules } from './check-rules.js';

/** startup: must pass before the dyno is up. liveness: asked again and again while it is up. */
export type CheckPhase = 'startup' | 'liveness';

export const CHECK_PHASES: readonly CheckPhase[] = ['startup', 'liveness'];

/** What is asked. Ports are those of the dyno's own address; undefined is the `$PORT` of web processes. */
export type Probe =
  /** A TCP connection is accepted. */
  | { readonly kind: 'port'; readonly port?: number | undefined }
  /** A GET is answered with a status of the range, and with the text in its body if one is given. */
  | {
      readonly kind: 'http';
      readonly path: string;
      readonly port?: number | undefined;
      readonly minStatus: number;
      readonly maxStatus: number;
      readonly headers: readonly { readonly name: string; readonly value: string }[];
      readonly content?: string | undefined;
    }
  /** A command in the dyno's container ends with 0: one string for a shell, or a list as it is. */
  | { readonly kind: 'command'; readonly command: string | readonly string[] }
  /** The process has run this long (startup only). */
  | { readonly kind: 'uptime'; readonly seconds: number }
  /** Nothing is asked. */
  | { readonly kind: 'off' };

export type ProbeKind = Probe['kind'];

export interface Check {
  readonly name?: string | undefined;
  readonly probe: Probe;
  /** From the end of one try to the next. */
  readonly intervalMs: number;
  readonly timeoutMs: number;
  /** Failures in a row that make it fail. */
  readonly attempts: number;
  /** After the start of the process (startup) or after the dyno came up (liveness). */
  readonly initialDelayMs: number;
  /** A failure is only written to the app's log. */
  readonly onlyWarns?: boolean | undefined;
  /** Somebody chose its interval, its attempts or both. */
  readonly timesGiven?: true | undefined;
}

/** What users may say of a check: seconds, and the fields of its kind. Undefined leaves a field as it is. */
export interface CheckSettings {
  readonly kind?: ProbeKind | undefined;
  readonly path?: string | undefined;
  /** `200-399` or `204`. */
  readonly status?: string | undefined;
  readonly host?: string | undefined;
  readonly headers?: readonly { readonly name: string; readonly value: string }[] | undefined;
  readonly content?: string | undefined;
  readonly port?: number | undefined;
  readonly command?: string | readonly string[] | undefined;
  readonly interval?: number | undefined;
  readonly timeout?: number | undefined;
  readonly attempts?: number | undefined;
  readonly initialDelay?: number | undefined;
  readonly uptime?: number | undefined;
  readonly name?: string | undefined;
  readonly onlyWarns?: boolean | undefined;
}

export const DEFAULT_CHECK: Check = {
  probe: { kind: 'port' },
  intervalMs: 10_000,
  timeoutMs: 5000,
  attempts: 3,
  initialDelayMs: 0,
};

// How often the table of checks says that a startup check is tried which has the boot timeout.
const STARTUP_INTERVAL_MS = 1000;
const MAX_HEADERS = 20;
const DEFAULT_STATUS = { minStatus: 200, maxStatus: 399 };

/**
 * `base` with the settings laid over it; another kind begins anew and keeps only the times. `at` names the place in
 * errors, such as `healthchecks.web[0].`. Throws `invalid_params` with the field and its rule.
 */
export function applySettings(base: Check, settings: CheckSettings, at = ''): Check {
  const kind = settings.kind ?? impliedKind(settings) ?? base.probe.kind;
  const from = base.probe.kind === kind ? base.probe : undefined;
  const rules = checkRules(at);
  refuseStrayFields(kind, settings, rules);
  return {
    name: settings.name === undefined ? base.name : rules.text('name', settings.name, 100),
    probe: makeProbe(kind, from, settings, rules),
    intervalMs: rules.seconds('interval', settings.interval, { min: 1, max: 3600 }) ?? base.intervalMs,
    timeoutMs: rules.seconds('timeout', settings.timeout, { min: 0.1, max: 300 }) ?? base.timeoutMs,
    attempts: rules.whole('attempts', settings.attempts, { min: 1, max: 100 }) ?? base.attempts,
    initialDelayMs:
      rules.seconds('initial_delay', settings.initialDelay, { min: 0, max: 3600 }) ?? base.initialDelayMs,
    onlyWarns: settings.onlyWarns ?? base.onlyWarns,
    timesGiven: settings.interval === undefined && settings.attempts === undefined ? base.timesGiven : true,
  };
}

/** Whether the settings say what to ask, and not only when or what to expect. */
export function saysWhatToAsk(settings: CheckSettings): boolean {
  return settings.kind !== undefined || impliedKind(settings) !== undefined;
}

/**
 * The interval and the attempts that hold at the start of a dyno: those that somebody gave, or the boot timeout. One that
 * only warns keeps its own: nobody waits a whole boot timeout for a warning.
 */
export function startupTimes(check: Check, bootTimeoutMs: number): Pick<Check, 'intervalMs' | 'attempts'> {
  const { intervalMs, attempts } = check;
  if (check.timesGiven || check.onlyWarns) return { intervalMs, attempts };
  return {
    intervalMs: STARTUP_INTERVAL_MS,
    attempts: Math.max(1, Math.round(bootTimeoutMs / STARTUP_INTERVAL_MS)),
  };
}

/** How long a dyno may take to pass this check at its start, in ms from the start of its process. */
export function startupLimitMs(check: Check, bootTimeoutMs: number): number {
  const isOwn = check.timesGiven || check.onlyWarns;
  const uptimeMs = check.probe.kind === 'uptime' ? check.probe.seconds * 1000 : 0;
  return check.initialDelayMs + uptimeMs + (isOwn ? check.attempts * check.intervalMs : bootTimeoutMs);
}

/** Says what is asked, such as `GET /health on port 5000`. */
export function describeProbe(probe: Probe, defaultPort: number): string {
  switch (probe.kind) {
    case 'port':
      return `connect to port ${probe.port ?? defaultPort}`;
    case 'http':
      return `GET ${probe.path} on port ${probe.port ?? defaultPort}`;
    case 'command':
      return `command \`${typeof probe.command === 'string' ? probe.command : probe.command.join(' ')}\``;
    case 'uptime':
      return `running for ${probe.seconds} s`;
    default:
      return 'nothing';
  }
}

function impliedKind(settings: CheckSettings): ProbeKind | undefined {
  const given = (['path', 'command', 'uptime'] as const).filter((field) => settings[field] !== undefined);
  const [only] = given;
  if (given.length > 1) return undefined;
  if (only === undefined) return undefined;
  return only === 'path' ? 'http' : only;
}

function makeProbe(
  kind: ProbeKind,
  from: Probe | undefined,
  settings: CheckSettings,
  rules: CheckRules,
): Probe {
  switch (kind) {
    case 'port':
      return { kind, port: rules.port(settings.port) ?? (from?.kind === 'port' ? from.port : undefined) };
    case 'http':
      return makeHttpProbe(from?.kind === 'http' ? from : undefined, settings, rules);
    case 'command': {
      const command = settings.command ?? (from?.kind === 'command' ? from.command : undefined);
      if (command === undefined) throw rules.broken('command', 'is missing');
      return { kind, command: rules.command(command) };
    }
    case 'uptime':
      return { kind, seconds: uptimeOf(from, settings, rules) };
    default:
      return { kind: 'off' };
  }
}

function uptimeOf(from: Probe | undefined, settings: CheckSettings, rules: CheckRules): number {
  const before = from?.kind === 'uptime' ? from.seconds : undefined;
  const ms = rules.seconds('uptime', settings.uptime ?? before, { min: 1, max: 3600 });
  if (ms === undefined) throw rules.broken('uptime', 'is missing');
  return ms / 1000;
}

function makeHttpProbe(
  from: Extract<Probe, { kind: 'http' }> | undefined,
  settings: CheckSettings,
  rules: CheckRules,
): Probe {
  const path = settings.path ?? from?.path ?? '/';
  if (!/^\/[\x21-\x7e]{0,1023}$/.test(path) || path.includes('#')) {
    throw rules.broken(
      'path',
      'must be a path such as /health: printable ASCII, at most 1024 characters',
      path,
    );
  }
  const status = settings.status === undefined ? (from ?? DEFAULT_STATUS) : rules.status(settings.status);
  const headers =
    settings.headers === undefined ? (from?.headers ?? []) : settings.headers.map((h) => rules.header(h));
  if (headers.length > MAX_HEADERS) throw rules.broken('headers', `are more than ${MAX_HEADERS}`);
  const content =
    settings.content === undefined ? from?.content : rules.text('content', settings.content, 1024);
  return {
    kind: 'http',
    path,
    port: rules.port(settings.port) ?? from?.port,
    minStatus: status.minStatus,
    maxStatus: status.maxStatus,
    headers:
      settings.host === undefined
        ? headers
        : withHost(headers, rules.header({ name: 'Host', value: settings.host })),
    content: content === '' ? undefined : content,
  };
}

function withHost<H extends { name: string }>(headers: readonly H[], host: H): H[] {
  return [...headers.filter((header) => header.name.toLowerCase() !== 'host'), host];
}

const FIELDS_OF_KIND: Readonly<Record<ProbeKind, readonly (keyof CheckSettings)[]>> = {
  port: ['port'],
  http: ['path', 'status', 'host', 'headers', 'content', 'port'],
  command: ['command'],
  uptime: ['uptime'],
  off: [],
};

function refuseStrayFields(kind: ProbeKind, settings: CheckSettings, rules: CheckRules): void {
  for (const field of new Set(Object.values(FIELDS_OF_KIND).flat())) {
    if (settings[field] === undefined || FIELDS_OF_KIND[kind].includes(field)) continue;
    throw rules.broken(field, `does not go with a check of kind ${kind}`);
  }
}
