import type { ApiFormation } from '../../api-types.js';
import { CliError } from '../../cli-error.js';
import { appFlags, defineCommand, jsonFlag } from '../../command.js';
import { formatFormation, formatScaled, parseScale } from '../../formation.js';
import { action, print, printJson, warn } from '../../terminal.js';

/** `paas ps:scale [TYPE=QTY[:SIZE]...]`: without arguments it prints the formation. */
export const command = defineCommand({
  summary: 'scale the dynos of an app, or show how it is scaled',
  args: '[TYPE=QTY[:SIZE]...]',
  arity: [0, 100],
  flags: { ...appFlags, ...jsonFlag },
  example: 'paas ps:scale web=3 worker+1 --app example',
  async run(session, { args, flags }) {
    const { terminal } = session;
    const updates = parseScale(args);
    const app = await session.app(flags);
    const api = await session.api();
    const path = `/apps/${app}/formation`;
    if (updates.length === 0) {
      const formation = await api.list<ApiFormation>(path);
      if (flags.json) return printJson(terminal, formation);
      if (formation.length > 0) return print(terminal, formatFormation(formation));
      throw new CliError(`No process types on ${app}.\nUpload a Procfile to add process types.`);
    }
    const types = updates.map((update) => update.type);
    const before = await api.list<ApiFormation>(path);
    const formation = await action(
      terminal,
      'Scaling dynos',
      () => api.request<ApiFormation[]>('PATCH', path, { json: { updates } }),
      (scaled) => `done, now running ${formatScaled(scaled, types)}`,
    );
    for (const { type } of before.filter(({ autoscale }) => autoscale)) {
      const isOn = formation.some((entry) => entry.type === type && entry.autoscale);
      if (!isOn) warn(terminal, `Autoscale of ${type} is off now: this is outside of its bounds.`);
    }
    if (flags.json) printJson(terminal, formation);
  },
});
