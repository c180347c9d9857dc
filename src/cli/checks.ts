// Checks as they are typed and shown. Pure.

import type { ApiCheck, ApiCheckRun } from './api-types.js';
import { usageError } from './cli-error.js';
import { evidenceFields } from './evidence.js';
import { formatFields, formatTable } from './format.js';

/** `10s`, `500ms`, `2m` or plain seconds, in seconds. */
export function parseSeconds(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const [, digits, unit = 's'] = /^(\d{1,6}(?:\.\d{1,3})?)(ms|s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined) throw usageError(`--${flag} must be a time such as 10s or 500ms, not "${text}".`);
  const factor = { ms: 0.001, s: 1, m: 60, h: 3600 }[unit] ?? 1;
  return Math.round(Number(digits) * factor * 1000) / 1000;
}

/** `Name: value`, as HTTP writes it. */
export function parseHeader(text: string): { name: string; value: string } {
  const [, name, value] = /^([^:\s]+):\s*(.*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined) {
    throw usageError(`--header must be of the form "Name: value", not "${text}".`);
  }
  return { name, value };
}

/** The checks as a table, one line each. */
export function formatChecks(checks: readonly ApiCheck[]): string[] {
  const rows = checks.map((check) => [
    check.process_type,
    check.phase,
    describeCheck(check),
    ...(check.kind === 'off'
      ? ['', '', '', '']
      : [
          `${check.interval}s`,
          `${check.timeout}s`,
          String(check.attempts),
          check.initial_delay === 0 ? '' : `${check.initial_delay}s`,
        ]),
    check.source,
  ]);
  return formatTable([
    ['type', 'phase', 'check', 'interval', 'timeout', 'attempts', 'delay', 'from'],
    ...rows,
  ]);
}

/** What the checks said, a line each; under a failed one its evidence. */
export function formatCheckRuns(runs: readonly ApiCheckRun[]): string[] {
  const lines = formatTable(runs.map((run) => [run.dyno, run.phase, run.check, outcome(run)]));
  return runs.flatMap((run, index) => [
    lines[index] ?? '',
    ...formatFields(evidenceFields(run.evidence)).map((line) => `    ${line}`),
  ]);
}

function outcome({ passed, said }: ApiCheckRun): string {
  if (passed === null) return 'ended meanwhile';
  return passed ? 'passed' : `failed: it ${said}`;
}

function describeCheck(check: ApiCheck): string {
  const port = check.port === null ? '$PORT' : String(check.port);
  const warns = check.warn ? ' (only warns)' : '';
  switch (check.kind) {
    case 'port':
      return `port ${port}${warns}`;
    case 'http': {
      const content = check.content === null ? '' : ` with ${JSON.stringify(check.content)}`;
      return `http ${check.path} on ${port}: ${check.status}${content}${warns}`;
    }
    case 'command': {
      const command = check.command ?? '';
      return `command ${typeof command === 'string' ? command : command.join(' ')}${warns}`;
    }
    case 'uptime':
      return `uptime ${check.uptime}s${warns}`;
    default:
      return 'none: it has to run';
  }
}
