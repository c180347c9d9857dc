import { putBuildpacks } from '../../buildpacks.js';
import { appFlags, defineCommand } from '../../command.js';
import { print } from '../../terminal.js';

/** `paas buildpacks:clear` */
export const command = defineCommand({
  summary: 'remove all buildpacks: they are detected again',
  flags: { ...appFlags },
  example: 'paas buildpacks:clear --app example',
  async run(session, { flags }) {
    const app = await session.app(flags);
    await putBuildpacks(await session.api(), app, []);
    print(session.terminal, `Buildpacks cleared. Next release on ${app} will detect buildpacks normally.`);
  },
});
