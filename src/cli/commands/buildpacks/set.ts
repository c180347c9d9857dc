import { getBuildpacks, placeBuildpack, putBuildpacks, reportBuildpacks } from '../../buildpacks.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { printJson } from '../../terminal.js';

/** `paas buildpacks:set BUILDPACK [-i N]` */
export const command = defineCommand({
  summary: 'set a buildpack, replacing the one at its place',
  args: 'BUILDPACK',
  arity: [1, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    index: { type: 'string', short: 'i', value: 'N', summary: 'place in the order, from 1' },
  },
  example: 'paas buildpacks:set nodejs --app example',
  async run(session, { args: [buildpack = ''], flags }) {
    const index = parseCount('index', flags.index) ?? 1;
    const app = await session.app(flags);
    const api = await session.api();
    const wanted = placeBuildpack(await getBuildpacks(api, app), { buildpack, index, replaces: true });
    const list = await putBuildpacks(api, app, wanted);
    if (flags.json) printJson(session.terminal, list);
    else reportBuildpacks(session.terminal, 'set', { app, list });
  },
});
