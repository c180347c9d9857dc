import { getBuildpacks } from '../../buildpacks.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { print, printHeader, printJson } from '../../terminal.js';

/** `paas buildpacks` */
export const command = defineCommand({
  summary: 'list the buildpacks of an app',
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas buildpacks --app example',
  async run(session, { flags }) {
    const { terminal } = session;
    const app = await session.app(flags);
    const list = await getBuildpacks(await session.api(), app);
    if (flags.json) return printJson(terminal, list);
    if (list.length === 0) return print(terminal, `${app} has no Buildpack URL set.`);
    printHeader(terminal, `${app} Buildpack URL${list.length === 1 ? '' : 's'}`);
    list.forEach((buildpack, index) => {
      print(terminal, list.length === 1 ? buildpack : `${index + 1}. ${buildpack}`);
    });
  },
});
