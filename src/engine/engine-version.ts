// Whether an engine is one that this version can work with. Pure.

import { PaasError } from '../errors.js';

/** The engine answers, and is none for us: trying again changes nothing. */
export class EngineUnsupportedError extends PaasError {}

const OLDEST_MINOR = 41;
const MAJOR = 1;

/** Reads the answer of `GET /version`. Throws EngineUnsupportedError. */
export function checkEngineVersion(answer: unknown): { version: string; apiVersion: string } {
  const { Version, ApiVersion } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<
    string,
    unknown
  >;
  const match = typeof ApiVersion === 'string' ? /^(\d{1,4})\.(\d{1,4})$/.exec(ApiVersion) : null;
  const version = typeof Version === 'string' ? Version.slice(0, 64) : 'of an unknown version';
  const [major, minor] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null) {
    throw unsupported(`What answers on the Docker socket does not say which API it has.`);
  }
  if (major < MAJOR || (major === MAJOR && minor < OLDEST_MINOR)) {
    throw unsupported(`Docker ${version} is too old: its API is ${ApiVersion}.`);
  }
  if (major > MAJOR) throw unsupported(`Docker ${version} is too new: its API is ${ApiVersion}.`);
  return { version, apiVersion: `${major}.${minor}` };
}

function unsupported(message: string): EngineUnsupportedError {
  return new EngineUnsupportedError('service_unavailable', message, {
    hint: `Needed is API ${MAJOR}.${OLDEST_MINOR} or newer, below ${MAJOR + 1}.0: Docker 20.10 has it. Then start paasd again.`,
  });
}
