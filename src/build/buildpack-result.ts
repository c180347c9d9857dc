// What the driver of the buildpacks leaves behind in its container: a file that code of the app's own build can write, so
// that neither its size nor its form is taken for granted.

import { pipeline, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { extract } from 'tar-stream';
import { PaasError } from '../errors.js';

/** Where the file is. */
export const RESULT_PATH = '/tmp/paas-release.json';

export interface BuildpackResult {
  readonly buildpacks: readonly string[];
  readonly defaultProcessTypes: Readonly<Record<string, string>>;
  /** Digest of what they vendored; undefined for nothing. */
  readonly vendor: string | undefined;
}

const MAX_BYTES = 1024 * 1024;

/** Reads the tar with the file in it, and closes it. Throws `build_failed`, and what the stream breaks off with. */
export async function readBuildpackResult(archive: Readable): Promise<BuildpackResult> {
  const entries = extract();
  // An archive that breaks off ends the wait for its entries, and entries that nobody reads on end the archive.
  pipeline(archive, entries, () => undefined);
  archive.on('error', () => undefined);
  for await (const entry of entries) {
    if ((entry.header.size ?? 0) > MAX_BYTES)
      throw new PaasError('build_failed', 'The buildpacks left a result that is larger than 1 MiB.');
    // A stream of the tar library, readable like Node's own.
    return checkResult(await text(entry as unknown as Readable));
  }
  throw new PaasError('build_failed', 'The buildpacks left no result.');
}

function checkResult(json: string): BuildpackResult {
  const wrong = new PaasError('build_failed', 'The buildpacks left a result that cannot be read.');
  const found = parse(json);
  if (typeof found !== 'object' || found === null) throw wrong;
  const buildpacks = 'buildpacks' in found ? found.buildpacks : undefined;
  const types = 'default_process_types' in found ? found.default_process_types : undefined;
  if (!Array.isArray(buildpacks) || !buildpacks.every((name) => typeof name === 'string')) throw wrong;
  if (typeof types !== 'object' || types === null) throw wrong;
  const vendor = 'vendor' in found ? (found.vendor ?? undefined) : undefined;
  if (vendor !== undefined && !(typeof vendor === 'string' && /^[0-9a-f]{64}$/.test(vendor))) throw wrong;
  const entries = Object.entries(types);
  if (!entries.every(([type, command]) => /^[A-Za-z0-9_-]{1,63}$/.test(type) && typeof command === 'string'))
    throw wrong;
  return { buildpacks, defaultProcessTypes: Object.fromEntries(entries), vendor };
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
