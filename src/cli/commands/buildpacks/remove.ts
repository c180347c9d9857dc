import { getBuildpacks, putBuildpacks, reportBuildpacks, withoutBuildpack } from '../../buildpacks.js';
import { appFlags, defineCommand, jsonFlag, parseCount } from '../../command.js';
import { printJson } from '../../terminal.js';

/** `paas buildpacks:remove BUILDPACK` or `-i N` */
export const command = defineCommand({
  summary: 'remove a buildpack by name or place',
  args: '[BUILDPACK]',
  arity: [0, 1],
  flags: {
    ...appFlags,
    ...jsonFlag,
    index: { type: 'string', short: 'i', value: 'N', summary: 'place in the order, from 1' },
  },
  example: 'paas buildpacks:remove nodejs --app example',
  async run(session, { args: [buildpack], flags }) {
    const index = parseCount('index', flags.index);
    const app = await session.app(flags);
    const api = await session.api();
    const wanted = withoutBuildpack(await getBuildpacks(api, app), { buildpack, index });
    const list = await putBuildpacks(api, app, wanted);
    if (flags.json) printJson(session.terminal, list);
    else reportBuildpacks(session.terminal, 'removed', { app, list });
  },
});
