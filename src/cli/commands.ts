// The list of commands. A command's name is its path: `ps:scale` is commands/ps/scale.ts, `ps` is commands/ps/index.ts.
// Each is imported only when it is used.

import type { Catalog } from './catalog.js';
import type { AnyCommand } from './command.js';

type Load = () => Promise<{ readonly command: AnyCommand }>;

const COMMANDS: Readonly<Record<string, () => Promise<{ command: unknown }>>> = {
  apps: () => import('./commands/apps/index.js'),
  'apps:create': () => import('./commands/apps/create.js'),
  'apps:destroy': () => import('./commands/apps/destroy.js'),
  'apps:info': () => import('./commands/apps/info.js'),
  'apps:open': () => import('./commands/apps/open.js'),
  'apps:rename': () => import('./commands/apps/rename.js'),
  'auth:login': () => import('./commands/auth/login.js'),
  'auth:logout': () => import('./commands/auth/logout.js'),
  'auth:token': () => import('./commands/auth/token.js'),
  'auth:whoami': () => import('./commands/auth/whoami.js'),
  buildpacks: () => import('./commands/buildpacks/index.js'),
  'buildpacks:add': () => import('./commands/buildpacks/add.js'),
  'buildpacks:clear': () => import('./commands/buildpacks/clear.js'),
  'buildpacks:remove': () => import('./commands/buildpacks/remove.js'),
  'buildpacks:set': () => import('./commands/buildpacks/set.js'),
  builds: () => import('./commands/builds/index.js'),
  'builds:cancel': () => import('./commands/builds/cancel.js'),
  'builds:info': () => import('./commands/builds/info.js'),
  'builds:output': () => import('./commands/builds/output.js'),
  checks: () => import('./commands/checks/index.js'),
  'checks:run': () => import('./commands/checks/run.js'),
  'checks:set': () => import('./commands/checks/set.js'),
  'checks:unset': () => import('./commands/checks/unset.js'),
  completion: async () => ({
    command: (await import('./commands/completion.js')).completionCommand(catalog),
  }),
  config: () => import('./commands/config/index.js'),
  'config:edit': () => import('./commands/config/edit.js'),
  'config:get': () => import('./commands/config/get.js'),
  'config:set': () => import('./commands/config/set.js'),
  'config:unset': () => import('./commands/config/unset.js'),
  deploy: () => import('./commands/deploy.js'),
  doctor: () => import('./commands/doctor.js'),
  domains: () => import('./commands/domains/index.js'),
  'domains:add': () => import('./commands/domains/add.js'),
  'domains:clear': () => import('./commands/domains/clear.js'),
  'domains:remove': () => import('./commands/domains/remove.js'),
  'git:clone': () => import('./commands/git/clone.js'),
  'git:remote': () => import('./commands/git/remote.js'),
  help: async () => ({ command: (await import('./commands/help.js')).helpCommand(catalog) }),
  logs: () => import('./commands/logs.js'),
  maintenance: () => import('./commands/maintenance/index.js'),
  'maintenance:off': () => import('./commands/maintenance/off.js'),
  'maintenance:on': () => import('./commands/maintenance/on.js'),
  ps: () => import('./commands/ps/index.js'),
  'ps:autoscale': () => import('./commands/ps/autoscale.js'),
  'ps:autosleep': () => import('./commands/ps/autosleep.js'),
  'ps:cycle': () => import('./commands/ps/cycle.js'),
  'ps:restart': () => import('./commands/ps/restart.js'),
  'ps:scale': () => import('./commands/ps/scale.js'),
  'ps:stop': () => import('./commands/ps/stop.js'),
  'ps:timeouts': () => import('./commands/ps/timeouts.js'),
  'ps:type': () => import('./commands/ps/type.js'),
  'ps:wait': () => import('./commands/ps/wait.js'),
  releases: () => import('./commands/releases/index.js'),
  'releases:info': () => import('./commands/releases/info.js'),
  'releases:output': () => import('./commands/releases/output.js'),
  'releases:rollback': () => import('./commands/releases/rollback.js'),
  'rollback:auto': () => import('./commands/rollback/auto.js'),
  run: () => import('./commands/run/index.js'),
  'run:detached': () => import('./commands/run/detached.js'),
  version: () => import('./commands/version.js'),
  why: () => import('./commands/why.js'),
};

const ALIASES: Readonly<Record<string, string>> = {
  'apps:delete': 'apps:destroy',
  'apps:list': 'apps',
  'builds:create': 'deploy',
  'config:add': 'config:set',
  'config:remove': 'config:unset',
  create: 'apps:create',
  destroy: 'apps:destroy',
  dyno: 'ps',
  'dyno:restart': 'ps:restart',
  'dyno:scale': 'ps:scale',
  'dyno:stop': 'ps:stop',
  'dyno:kill': 'ps:stop',
  'dyno:resize': 'ps:type',
  info: 'apps:info',
  list: 'apps',
  login: 'auth:login',
  logout: 'auth:logout',
  open: 'apps:open',
  'ps:kill': 'ps:stop',
  'ps:resize': 'ps:type',
  'releases:auto-rollback': 'rollback:auto',
  'releases:watch': 'rollback:auto',
  rename: 'apps:rename',
  resize: 'ps:type',
  restart: 'ps:restart',
  rollback: 'releases:rollback',
  scale: 'ps:scale',
  stop: 'ps:stop',
  whoami: 'auth:whoami',
};

/** Where the path is not what people type. */
const SHOWN_NAMES: Readonly<Record<string, string>> = {
  'auth:login': 'login',
  'auth:logout': 'logout',
  'auth:whoami': 'whoami',
  'apps:create': 'create',
  'apps:open': 'open',
  'releases:rollback': 'rollback',
};

/** The commands of `paas`. */
export const catalog: Catalog = {
  find: async (typed) => {
    const name = Object.hasOwn(ALIASES, typed) ? (ALIASES[typed] ?? typed) : typed;
    const load = loaders().get(name);
    return load === undefined ? undefined : { name, command: (await load()).command };
  },
  names: () => [...loaders().keys()].sort(),
  typable: () => [...loaders().keys(), ...Object.keys(ALIASES)].sort(),
  shownName: (name) => SHOWN_NAMES[name] ?? name,
};

function loaders(): ReadonlyMap<string, Load> {
  // Each command knows its own flags; the caller hands it what parseCommandLine made from just those.
  return new Map(Object.entries(COMMANDS as unknown as Record<string, Load>));
}
