import { getBuildpacks, placeBuildpack, putBuildpacks, reportBuildpacks } from '../../buildpacks.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { printJson } from '../../terminal.js';

/** `paas buildpacks:add BUILDPACK [-i N]` */
export const command = defineCommand({
  summary: 'add a buildpack at the end or at a place',
  args: 'BUILDPACK',
  arity: [1, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    index: { type: 'string', short: 'i', value: 'N', summary: 'place in the order, from 1' },
  },
  example: 'paas buildpacks:add nodejs --app example',
  async run(session, { args: [buildpack = ''], flags }) {
    const index = parseCount('index', flags.index);
    const app = await session.app(flags);
    const api = await session.api();
    const wanted = placeBuildpack(await getBuildpacks(api, app), { buildpack, index, replaces: false });
    const list = await putBuildpacks(api, app, wanted);
    if (flags.json) printJson(session.terminal, list);
    else reportBuildpacks(session.terminal, 'added', { app, list });
  },
});
