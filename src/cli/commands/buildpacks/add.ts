import { placingCommand } from '../../buildpacks.js';

/** `paas buildpacks:add BUILDPACK [-i N]` */
export const command = placingCommand({
  name: 'add',
  summary: 'add a buildpack at the end or at a place',
  done: 'added',
  defaultIndex: undefined,
  replaces: false,
});
