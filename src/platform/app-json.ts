// The health checks in app.json, in Dokku's shape. Pure.
// https://github.com/dokku/docker-container-healthchecker/blob/main/docs/file-format.md

import { PaasError, quoteValue } from '../errors.js';
import {
  applySettings,
  type Check,
  type CheckPhase,
  type CheckSettings,
  DEFAULT_CHECK,
  type ProbeKind,
} from './check.js';
import { isProcessType } from './procfile.js';

/** Checks of one process type. */
export type PhaseChecks = Readonly<Record<CheckPhase, readonly Check[]>>;

export interface AppJsonChecks {
  readonly checks: Readonly<Record<string, PhaseChecks>>;
  /** What is there and has no effect, one line each. */
  readonly warnings: readonly string[];
}

const MAX_CHECKS = 10;
const MAX_TYPES = 32;
// Dokku's defaults: 3 attempts, 5 s from one to the next.
const DOKKU_CHECK: Check = { ...DEFAULT_CHECK, intervalMs: 5000 };

/** Reads `healthchecks`. Unknown keys are let pass, as Dokku does. Throws `invalid_params` with the place and the rule. */
export function parseHealthchecks(bytes: Uint8Array | undefined): AppJsonChecks {
  const file = bytes === undefined ? {} : parseJson(bytes);
  const declared = file['healthchecks'];
  if (declared === undefined || declared === null) return { checks: {}, warnings: [] };
  if (!isObject(declared)) throw broken('healthchecks', 'must be an object: process type -> list of checks');
  const entries = Object.entries(declared);
  if (entries.length > MAX_TYPES) throw broken('healthchecks', `has more than ${MAX_TYPES} process types`);
  const warnings: string[] = [];
  const checks = Object.fromEntries(
    entries.map(([type, list]) => [type, readChecks(type, list, warnings)] as const),
  );
  return { checks, warnings };
}

function readChecks(type: string, list: unknown, warnings: string[]): PhaseChecks {
  const at = `healthchecks.${isProcessType(type) ? type : quoteValue(type)}`;
  if (!isProcessType(type)) throw broken(at, 'is no process type');
  if (!Array.isArray(list)) throw broken(at, 'must be a list of checks');
  if (list.length > MAX_CHECKS) throw broken(at, `has more than ${MAX_CHECKS} checks`);
  const phases: Record<CheckPhase, Check[]> = { startup: [], liveness: [] };
  list.forEach((entry: unknown, index) => {
    const place = `${at}[${index}]`;
    if (!isObject(entry)) throw broken(place, 'must be an object');
    const phase = readPhase(entry, place, warnings);
    const check = readCheck(entry, place, warnings);
    if (phase === 'liveness' && check.probe.kind === 'uptime') {
      warnings.push(`${place}: uptime says nothing of a dyno that is up; it is not used for liveness`);
    } else phases[phase].push(check);
  });
  return phases;
}

function readPhase(entry: Record<string, unknown>, place: string, warnings: string[]): CheckPhase {
  const type = entry['type'] ?? '';
  switch (type) {
    case '':
    case 'startup':
      return 'startup';
    case 'liveness':
      return 'liveness';
    case 'readiness':
      warnings.push(`${place}: readiness is asked before the first request only, as a startup check`);
      return 'startup';
    default:
      throw broken(`${place}.type`, 'must be startup, liveness or readiness');
  }
}

function readCheck(entry: Record<string, unknown>, place: string, warnings: string[]): Check {
  if (zeroAsAbsent(entry['onFailure']) !== undefined) {
    warnings.push(`${place}.onFailure is not run: nothing of an app runs on the server itself`);
  }
  if ((entry['scheme'] ?? 'http') !== 'http') {
    throw broken(`${place}.scheme`, 'must be http: dynos are asked without TLS');
  }
  const kind = kindOf(entry, place);
  const settings: Record<keyof CheckSettings, unknown> = {
    kind,
    ...fieldsOf(kind, entry, place),
    interval: zeroAsAbsent(entry['wait']),
    timeout: zeroAsAbsent(entry['timeout']),
    attempts: zeroAsAbsent(entry['attempts']),
    initialDelay: zeroAsAbsent(entry['initialDelay']),
    name: textOrNothing(entry['name'], `${place}.name`),
    onlyWarns: entry['warn'] === true || undefined,
  };
  return renamed(place, () => applySettings(DOKKU_CHECK, settings as CheckSettings, `${place}.`));
}

function kindOf(entry: Record<string, unknown>, place: string): ProbeKind {
  const kinds: ProbeKind[] = [];
  if (emptyAsAbsent(entry['path']) !== undefined) kinds.push('http');
  if (emptyAsAbsent(entry['command']) !== undefined) kinds.push('command');
  if (zeroAsAbsent(entry['uptime']) !== undefined) kinds.push('uptime');
  if (entry['listening'] === true) kinds.push('port');
  if (kinds.length === 0 && entry['port'] !== undefined) return 'port';
  const [kind] = kinds;
  if (kind === undefined) throw broken(place, 'must have one of path, command, uptime and listening');
  if (kinds.length > 1) throw broken(place, 'must have only one of path, command, uptime and listening');
  return kind;
}

type KindFields = Record<
  'path' | 'status' | 'host' | 'headers' | 'content' | 'port' | 'command' | 'uptime',
  unknown
>;

/** What is of no use for the kind is left out, as Dokku does. */
function fieldsOf(kind: ProbeKind, entry: Record<string, unknown>, place: string): KindFields {
  const none: KindFields = {
    path: undefined,
    status: undefined,
    host: undefined,
    headers: undefined,
    content: undefined,
    port: undefined,
    command: undefined,
    uptime: undefined,
  };
  switch (kind) {
    case 'http': {
      const headers = entry['httpHeaders'] ?? undefined;
      checkHeaders(headers, place);
      return {
        ...none,
        path: textOrNothing(entry['path'], `${place}.path`),
        headers,
        content: textOrNothing(entry['content'], `${place}.content`),
        port: zeroAsAbsent(entry['port']),
      };
    }
    case 'port':
      return { ...none, port: zeroAsAbsent(entry['port']) };
    case 'command':
      return { ...none, command: entry['command'] };
    default:
      return { ...none, uptime: entry['uptime'] };
  }
}

/** Fields in the words of the file. */
function renamed(place: string, work: () => Check): Check {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof PaasError)) throw error;
    const message = error.message
      .replace(`${place}.interval`, `${place}.wait`)
      .replace(`${place}.initial_delay`, `${place}.initialDelay`)
      .replace(`${place}.headers`, `${place}.httpHeaders`);
    throw new PaasError('invalid_params', `app.json: ${message}`);
  }
}

function checkHeaders(headers: unknown, place: string): void {
  if (headers === undefined) return;
  const isRight =
    Array.isArray(headers) &&
    headers.every(
      (h: unknown) => isObject(h) && typeof h['name'] === 'string' && typeof h['value'] === 'string',
    );
  if (!isRight) throw broken(`${place}.httpHeaders`, 'must be a list of objects with name and value');
}

function textOrNothing(value: unknown, field: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw broken(field, 'must be text');
  return value;
}

// Go, in which Dokku is written, cannot tell 0 from absent.
function zeroAsAbsent(value: unknown): unknown {
  return value === 0 || value === null ? undefined : value;
}

function emptyAsAbsent(value: unknown): unknown {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0) ? undefined : value;
}

function parseJson(bytes: Uint8Array): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new PaasError('invalid_params', 'app.json is not valid JSON in UTF-8.', {
      hint: 'Check it with: python3 -m json.tool app.json',
      cause,
    });
  }
  if (!isObject(value)) throw new PaasError('invalid_params', 'app.json must hold a JSON object.');
  return value;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function broken(place: string, rule: string): PaasError {
  return new PaasError('invalid_params', `app.json: ${place} ${rule}.`);
}
