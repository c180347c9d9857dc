// What a process of a release is started with: its environment and its command. Pure.

import type { ImageDetails } from '../engine/engine.js';
import type { App } from '../platform/apps.js';
import type { Release } from '../platform/releases.js';
import { WEB_PORT } from './routing.js';

/** Config vars, and what the platform adds: names as Heroku's, and our own beside them. */
export function dynoEnvironment(options: {
  app: App;
  release: Release;
  config: Readonly<Record<string, string>>;
  dyno: string;
  hasPort: boolean;
}): Record<string, string> {
  const { app, release } = options;
  return {
    HOME: '/app',
    HEROKU_APP_NAME: app.name,
    HEROKU_RELEASE_VERSION: `v${release.version}`,
    HEROKU_RELEASE_CREATED_AT: new Date(release.createdAt).toISOString(),
    ...(release.commit !== undefined && {
      HEROKU_SLUG_COMMIT: release.commit,
      HEROKU_BUILD_COMMIT: release.commit,
    }),
    PAAS_APP_NAME: app.name,
    PAAS_RELEASE_VERSION: `v${release.version}`,
    ...options.config,
    ...(options.hasPort && { PORT: String(WEB_PORT) }),
    DYNO: options.dyno,
  };
}

// The label that the stack's images carry: they have the launcher, which reads .profile.d and .profile.
const STACK_LABEL = 'paas.stack.sources';

/** How the engine is to start a command: through the stack's launcher, through sh, or as the image says. */
export function commandFor(
  command: string | readonly string[],
  image: Pick<ImageDetails, 'labels'>,
): { entrypoint: readonly string[] | undefined; command: readonly string[] | undefined } {
  if (command === '') return { entrypoint: undefined, command: undefined };
  const hasLauncher = image.labels[STACK_LABEL] !== undefined;
  if (typeof command === 'string') {
    return hasLauncher
      ? { entrypoint: ['/usr/local/bin/paas-launch', command], command: [] }
      : { entrypoint: ['/bin/sh', '-c', command], command: [] };
  }
  return hasLauncher
    ? { entrypoint: ['/usr/local/bin/paas-launch', shellWords(command)], command: [] }
    : { entrypoint: [...command], command: [] };
}

// Quoted for the shell inside the container, which the launcher hands its one argument to.
function shellWords(words: readonly string[]): string {
  return words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
}
