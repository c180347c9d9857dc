import { defineCommand, jsonFlag } from '../command.js';
import { VERSION } from '../session.js';
import { print, printJson } from '../terminal.js';

/** `paas version` */
export const command = defineCommand({
  summary: 'show the version of this command',
  flags: { ...jsonFlag },
  example: 'paas version',
  async run({ terminal }, { flags }) {
    const platform = `${process.platform}-${process.arch}`;
    const node = `node-${process.version}`;
    if (flags.json) printJson(terminal, { version: VERSION, platform, node });
    else print(terminal, `paas/${VERSION} ${platform} ${node}`);
  },
});
