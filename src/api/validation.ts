// From the validator's findings to errors that name the field and the rule. Pure.

import type { FastifySchemaValidationError } from 'fastify/types/schema.js';
import { PaasError, quoteValue } from '../errors.js';

/** The error of a request whose body, path or query does not fit its schema. Values are never repeated: they may be secret. */
export function validationError(
  findings: readonly FastifySchemaValidationError[],
  context: string,
): PaasError {
  const unknown = findings.find((finding) => finding.keyword === 'additionalProperties');
  if (unknown !== undefined) {
    const field = String(unknown.params['additionalProperty']);
    return new PaasError(
      'unknown_field',
      `Unknown field ${quoteValue(fieldName(unknown.instancePath, field))}.`,
      {
        hint: 'Take it out, or check its spelling.',
      },
    );
  }
  const finding = deepest(findings);
  if (finding === undefined) return new PaasError('bad_request', 'The request is malformed.');
  if (context === 'params') {
    return finding.keyword === 'maxLength'
      ? new PaasError('uri_too_long', 'A name in the path is too long.')
      : new PaasError('bad_request', `The path is malformed: ${finding.message ?? finding.keyword}.`);
  }
  if (context === 'querystring') {
    return new PaasError('bad_request', `The query is malformed: ${finding.message ?? finding.keyword}.`);
  }
  if (finding.keyword === 'required') {
    const field = String(finding.params['missingProperty']);
    return new PaasError('invalid_params', `The field ${fieldName(finding.instancePath, field)} is missing.`);
  }
  const field = fieldName(finding.instancePath);
  if (field === '') return new PaasError('invalid_json', 'The body must be a JSON object.');
  const types = typesWanted(findings, finding.instancePath);
  if (types.length > 0) {
    return new PaasError('bad_request', `The field ${quoteField(field)} must be ${types.join(' or ')}.`);
  }
  return new PaasError(
    'invalid_params',
    `The field ${quoteField(field)} ${finding.message ?? 'is invalid'}.`,
  );
}

// With a union, every branch leaves a finding; the one that got furthest into the value tells most.
function deepest(
  findings: readonly FastifySchemaValidationError[],
): FastifySchemaValidationError | undefined {
  const depth = (finding: FastifySchemaValidationError) => finding.instancePath.split('/').length;
  return findings
    .filter((finding) => finding.keyword !== 'anyOf')
    .reduce<FastifySchemaValidationError | undefined>(
      (best, finding) => (best === undefined || depth(finding) > depth(best) ? finding : best),
      findings[0],
    );
}

// The types that would have been right; none when the value has one of them and breaks another rule.
function typesWanted(findings: readonly FastifySchemaValidationError[], path: string): string[] {
  const here = findings.filter((finding) => finding.instancePath === path && finding.keyword !== 'anyOf');
  if (here.some((finding) => finding.keyword !== 'type')) return [];
  return [...new Set(here.map((finding) => withArticle(String(finding.params['type']))))];
}

function withArticle(type: string): string {
  if (type === 'null') return 'null';
  return /^[aeiou]/.test(type) ? `an ${type}` : `a ${type}`;
}

function fieldName(instancePath: string, last?: string): string {
  const parts = instancePath
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return [...parts, ...(last === undefined ? [] : [last])].join('.');
}

function quoteField(field: string): string {
  return /^[\w.-]{1,64}$/.test(field) ? field : quoteValue(field);
}
