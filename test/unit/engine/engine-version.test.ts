import { expect, it } from 'vitest';
import { checkEngineVersion, EngineUnsupportedError } from '../../../src/engine/engine-version.js';

it.each([
  [{ Version: '20.10.24', ApiVersion: '1.41' }, '1.41'],
  [{ Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' }, '1.52'],
])('%j can be worked with', (answer, apiVersion) => {
  expect(checkEngineVersion(answer)).toEqual({ version: answer.Version, apiVersion });
});

it.each([
  [{ Version: '19.03.1', ApiVersion: '1.40' }, /Docker 19.03.1 is too old: its API is 1.40/],
  [{ Version: '40.0', ApiVersion: '2.0' }, /Docker 40.0 is too new/],
  [{ Version: '20.10' }, /does not say which API/],
  [{ ApiVersion: 'x' }, /does not say which API/],
  [{ ApiVersion: '1.41; x' }, /does not say which API/],
  [null, /does not say which API/],
  ['hello', /does not say which API/],
])('%j cannot', (answer, text) => {
  expect(() => checkEngineVersion(answer)).toThrow(EngineUnsupportedError);
  expect(() => checkEngineVersion(answer)).toThrow(text);
});
