import { placingCommand } from '../../buildpacks.js';

/** `paas buildpacks:set BUILDPACK [-i N]` */
export const command = placingCommand({
  name: 'set',
  summary: 'set a buildpack, replacing the one at its place',
  done: 'set',
  defaultIndex: 1,
  replaces: true,
});
