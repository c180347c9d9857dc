// What is known of a one-off dyno: its container, if it has one, and its lines in the app's log.

import { PaasError } from '../errors.js';
import type { LogClient } from '../logs/client.js';
import type { App } from '../platform/apps.js';
import { explainOneOff, readToldRun } from './explain-one-off.js';
import type { Explanation } from './explanation.js';
import type { OneOffs } from './one-off.js';

/** What the platform says of one run is a few lines, but R14 may come again and again. */
const READ_LINES = 200;

/** `run.1234`. */
export function isOneOffName(name: string): boolean {
  return /^run\.[1-9]\d{0,5}$/.test(name);
}

/** Explains one by its name. Throws `not_found` when nothing of it is known. */
export async function whyOneOff(
  deps: { oneOffs: Pick<OneOffs, 'list'>; logs: Pick<LogClient, 'read'> },
  app: App,
  name: string,
): Promise<Explanation> {
  const of = { appId: app.id, process: name };
  const [dynos, platform, output] = await Promise.all([
    deps.oneOffs.list(app),
    deps.logs.read({ ...of, source: 'heroku', lines: READ_LINES }),
    deps.logs.read({ ...of, source: 'app', lines: 1 }),
  ]);
  const dyno = dynos.find((one) => one.name === name);
  const told = readToldRun(platform);
  if (dyno === undefined && told === undefined && output.length === 0) {
    throw new PaasError('not_found', `Nothing is known of the one-off dyno ${name} of ${app.name}.`, {
      hint: `None of this name runs, and the log has no line of it. See what runs: paas ps -a ${app.name}`,
    });
  }
  return explainOneOff({ app, name, dyno, told: told ?? {}, hasOutput: output.length > 0 });
}
