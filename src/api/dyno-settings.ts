// How an app's dynos are kept: automatic rollback, time to drain and to end in, daily cycling.

import type { Database } from '../db/database.js';
import { type App, findAppFor, updateApp } from '../platform/apps.js';
import { changeDynoSettings, getDynoSettings } from '../platform/dyno-settings.js';
import * as schema from '../schemas/dyno-settings.js';
import { AppParams } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import type { ApiServer } from './api-server.js';
import { accountOf } from './auth.js';

/** What holds where an app has no setting of its own. */
export interface DynoDefaults {
  readonly rollbackWindowMs: number;
  readonly stopGraceMs: number;
  readonly bootTimeoutMs: number;
}

const DRAIN_DEFAULT_MS = 30_000;

/** Adds `/apps/:app/dyno-settings`. */
export function addDynoSettingsRoutes(
  server: ApiServer,
  deps: { db: Database; logAction: ActionLog; defaults: DynoDefaults },
): void {
  const { db, logAction, defaults } = deps;
  const one = { params: AppParams, response: { 200: schema.DynoSettings } };

  server.get('/apps/:app/dyno-settings', { schema: one }, async (request) =>
    present(db, findAppFor(db, accountOf(request), request.params.app), defaults),
  );

  server.patch(
    '/apps/:app/dyno-settings',
    { schema: { ...one, body: schema.ChangeDynoSettings } },
    async (request) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { body } = request;
      const changed = db.write(() => {
        const drainTimeoutMs = toMs(body.drain_timeout);
        const updated =
          drainTimeoutMs === undefined
            ? app
            : updateApp(db, { app, drainTimeoutMs: drainTimeoutMs ?? DRAIN_DEFAULT_MS });
        changeDynoSettings(db, {
          app,
          rollbackWindowMs: toMs(body.rollback_window),
          stopGraceMs: toMs(body.stop_grace),
          cycling: body.cycling,
        });
        return present(db, updated, defaults);
      });
      logAction(app.id, by, texts(body, changed));
      return changed;
    },
  );
}

function toMs(seconds: number | null | undefined): number | null | undefined {
  return typeof seconds === 'number' ? Math.round(seconds * 1000) : seconds;
}

function present(db: Database, app: App, defaults: DynoDefaults): schema.DynoSettings {
  const own = getDynoSettings(db, app.id);
  return {
    rollback_window: (own.rollbackWindowMs ?? defaults.rollbackWindowMs) / 1000,
    drain_timeout: app.drainTimeoutMs / 1000,
    stop_grace: (own.stopGraceMs ?? defaults.stopGraceMs) / 1000,
    cycling: own.cycling,
  };
}

function texts(body: schema.ChangeDynoSettings, now: schema.DynoSettings): string[] {
  const said: string[] = [];
  if (body.rollback_window !== undefined) {
    said.push(
      now.rollback_window === 0
        ? 'Automatic rollback disabled'
        : `Automatic rollback enabled for ${now.rollback_window} seconds after a release`,
    );
  }
  if (body.drain_timeout !== undefined) said.push(`Drain time set to ${now.drain_timeout} seconds`);
  if (body.stop_grace !== undefined) said.push(`Time to end in set to ${now.stop_grace} seconds`);
  if (body.cycling !== undefined) said.push(now.cycling ? 'Daily cycling enabled' : 'Daily cycling disabled');
  return said;
}
