import { expect, it } from 'vitest';
import { EngineFailedError, engineError, hasStatus } from '../../../src/engine/docker-errors.js';
import { PaasError } from '../../../src/errors.js';

const answer = (statusCode: number, message: string) => Object.assign(new Error(message), { statusCode });

it.each([
  [answer(404, 'No such container: x'), 'not_found'],
  [answer(409, 'name in use'), 'conflict'],
  [answer(400, 'bad SECRET=abc'), 'invalid_params'],
  [answer(500, 'write: no space left on device SECRET=abc'), 'storage_full'],
  [answer(500, 'Address already in use SECRET=abc'), 'conflict'],
  [answer(500, 'argument list too long SECRET=abc'), 'invalid_params'],
  [answer(500, 'unable to find user SECRET=abc: no matching entries in passwd file'), 'invalid_params'],
  [answer(500, 'invalid env SECRET=abc'), 'service_unavailable'],
  [
    Object.assign(new Error('connect ECONNREFUSED SECRET=abc'), { code: 'ECONNREFUSED' }),
    'service_unavailable',
  ],
])('maps %s to %s without its text', (error, id) => {
  const mapped = engineError(error, 'container web.1');
  expect(mapped.id).toBe(id);
  expect(`${mapped.message} ${mapped.hint} ${String(mapped.cause)}`).not.toContain('SECRET');
});

it('tells an engine that failed from one that does not answer', () => {
  expect(engineError(answer(500, 'x'), 'y')).toBeInstanceOf(EngineFailedError);
  expect(engineError(new Error('connect ECONNREFUSED'), 'y')).not.toBeInstanceOf(EngineFailedError);
});

it('passes an error of ours and knows statuses', () => {
  const ours = new PaasError('build_failed', 'x');
  expect(engineError(ours, 'y')).toBe(ours);
  expect(hasStatus(answer(304, ''), 304, 404)).toBe(true);
  expect(hasStatus(new Error('x'), 304)).toBe(false);
});
