// The answer to "why" as people read it. Pure.

import type { ApiExplanation, ApiIncident, ApiWhy } from './api-types.js';
import { evidenceFields } from './evidence.js';
import { formatAgo, formatDate, formatFields } from './format.js';

/** What was asked about: `web.2` and `v12` are told apart by their form. */
export function whyQuery(subject: string | undefined): string {
  if (subject === undefined) return '';
  const name = /^v?\d+$/.test(subject) ? 'release' : 'dyno';
  return `?${name}=${encodeURIComponent(subject)}`;
}

/** One subject in full: state, cause, evidence, next step, earlier incidents, last lines. */
export function formatWhy(why: ApiWhy, now: Date): string[] {
  const [explanation] = why.explanations;
  if (explanation === undefined) return [];
  const { last_incident: last } = explanation;
  // What the state already tells of is not told twice.
  const earlier = why.incidents.filter((incident) => !isTold(explanation, incident));
  return [
    ...formatExplanation(explanation, now),
    ...(earlier.length === 0 || last === null
      ? []
      : ['', 'Earlier:', ...earlier.map((incident) => `  ${formatIncident(incident, now)}`)]),
    ...(why.log_lines.length === 0
      ? []
      : ['', `Last ${why.log_lines.length} lines:`, ...why.log_lines.map((line) => `  ${line}`)]),
  ];
}

/** An app: each subject in two lines, what is well in one. */
export function formatOverview(why: ApiWhy, now: Date): string[] {
  return why.explanations.flatMap((explanation, index) => {
    if (index === 0) return [...formatExplanation(explanation, now), ''];
    const head = `${explanation.subject}: ${explanation.state}. ${explanation.cause}.`;
    const isWell = explanation.state === 'up' || explanation.next_step === null;
    return isWell ? [head] : [head, `    ${explanation.next_step}`];
  });
}

function formatExplanation(explanation: ApiExplanation, now: Date): string[] {
  const { subject, state, since, next_try_at: nextTryAt, next_step: nextStep } = explanation;
  return [
    `${subject}: ${state}`,
    ...formatFields([
      ['Cause', `${explanation.cause}.`],
      ...(since === null ? [] : [['Since', formatAgo(new Date(since), now)] as const]),
      ...(nextTryAt === null ? [] : [['Next try', formatDate(new Date(nextTryAt))] as const]),
      ...evidenceFields(explanation.evidence),
      ...(nextStep === null ? [] : [['Next step', nextStep] as const]),
    ]).map((line) => `  ${line}`),
  ];
}

function formatIncident(incident: ApiIncident, now: Date): string {
  const where = [incident.dyno, incident.release === null ? null : `v${incident.release}`]
    .filter(Boolean)
    .join(' ');
  return `${formatAgo(new Date(incident.created_at), now)} ${where === '' ? '' : `${where}: `}${incident.message}`;
}

function isTold(explanation: ApiExplanation, incident: ApiIncident): boolean {
  const last = explanation.last_incident;
  const isCause = explanation.state === 'crashed' || explanation.state === 'rolled back';
  return isCause && last?.created_at === incident.created_at && last.message === incident.message;
}
