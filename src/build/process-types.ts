// Which processes a build declares, and what its output says about them. Pure.

import { parseProcfile } from '../platform/procfile.js';

/** What kind of build it was: an image of its own can do without commands. */
export type BuiltWith = 'buildpacks' | 'dockerfile' | 'image';

/** The Procfile's types, else the buildpacks' defaults, else the image's own command as `web`. Throws `invalid_procfile`. */
export function resolveProcessTypes(options: {
  builtWith: BuiltWith;
  procfile: Uint8Array | undefined;
  defaults: Readonly<Record<string, string>>;
}): { processTypes: Record<string, string>; output: string } {
  const { procfile, builtWith, defaults } = options;
  const declared = procfile === undefined ? {} : parseProcfile(procfile);
  const isOwnImage = builtWith !== 'buildpacks';
  // As on Heroku, a buildpack's defaults add what the Procfile leaves open, `web` included.
  const added = Object.entries(isOwnImage ? {} : defaults).filter(([type]) => !Object.hasOwn(declared, type));
  const processTypes: Record<string, string> =
    isOwnImage && procfile === undefined ? { web: '' } : { ...declared, ...Object.fromEntries(added) };
  return {
    processTypes,
    output: `-----> Discovering process types\n${describe(declared, added, isOwnImage)}${noWeb(processTypes)}`,
  };
}

function describe(
  declared: Readonly<Record<string, string>>,
  added: readonly (readonly [string, string])[],
  isOwnImage: boolean,
): string {
  const names = Object.keys(declared).join(', ');
  const defaults = added.map(([type]) => type).join(', ');
  if (names === '' && isOwnImage) return "       The image's own command -> web\n";
  return (
    `       Procfile declares types     -> ${names || '(none)'}\n` +
    (defaults === '' ? '' : `       Default types for buildpack -> ${defaults}\n`)
  );
}

function noWeb(processTypes: Readonly<Record<string, string>>): string {
  if (Object.hasOwn(processTypes, 'web')) return '';
  return ' !     There is no web process; nothing to route. Declare one in the Procfile: web: COMMAND\n';
}
