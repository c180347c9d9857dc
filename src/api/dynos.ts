// Dynos: list, restart, stop, and run one-offs.

import type { Database } from '../db/database.js';
import type { Dyno } from '../dynos/dyno.js';
import type { OneOffs } from '../dynos/one-off.js';
import type { RunChecks } from '../dynos/run-checks.js';
import { type App, findAppFor } from '../platform/apps.js';
import { dynoNotFound, restartDynos, stopDynos } from '../platform/dyno-wishes.js';
import * as schema from '../schemas/dyno.js';
import { FormationParams } from '../schemas/formation.js';
import { AppParams, Nothing } from '../schemas/parts.js';
import type { ActionLog } from './action-log.js';
import { type ApiServer, listOf } from './api-server.js';
import { appReference } from './apps.js';
import type { Attachments } from './attach.js';
import { accountOf } from './auth.js';
import { derivedId, isoTime } from './present.js';
import { checkCommand, readEnv } from './run-request.js';
import { warnOfSilence } from './silent-engine.js';

/** What runs. */
export interface DynoList {
  /** The dynos of the formation, then one-offs; as they were last seen while the engine is away. */
  list(app: App): Promise<readonly Dyno[]>;
  /** When the engine last told what runs (epoch ms), if it does not tell now. */
  silentSince(): number | undefined;
  readonly runChecks: RunChecks;
  /** Resolves when the router knows of what was committed before, or after two seconds. */
  whenRouted(): Promise<void>;
}

export interface DynoRouteDeps {
  readonly db: Database;
  readonly dynos: DynoList;
  readonly oneOffs: Pick<OneOffs, 'create' | 'kill'>;
  readonly attachments: Attachments;
  readonly logAction: ActionLog;
}

/** Adds `/apps/:app/dynos` and the actions on process types. */
export function addDynoRoutes(server: ApiServer, deps: DynoRouteDeps): void {
  addRunRoute(server, deps);
  addWishRoutes(server, deps);
  const { db, dynos } = deps;

  server.get(
    '/apps/:app/dynos',
    { schema: { params: AppParams, response: listOf(schema.Dyno) } },
    async (request, reply) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      const listed = await dynos.list(app);
      warnOfSilence(reply, dynos.silentSince());
      return listed.map((dyno) => presentDyno(dyno, app));
    },
  );

  server.get(
    '/apps/:app/dynos/:dyno',
    { schema: { params: schema.DynoParams, response: { 200: schema.Dyno } } },
    async (request, reply) => {
      const app = findAppFor(db, accountOf(request), request.params.app);
      const wanted = request.params.dyno;
      const dyno = (await dynos.list(app)).find(({ name }) => name === wanted);
      warnOfSilence(reply, dynos.silentSince());
      if (dyno === undefined) throw dynoNotFound(db, app, wanted);
      return presentDyno(dyno, app);
    },
  );
}

function addRunRoute(server: ApiServer, deps: DynoRouteDeps): void {
  const { db, oneOffs, attachments, logAction } = deps;

  server.post(
    '/apps/:app/dynos',
    { schema: { params: AppParams, body: schema.RunDyno, response: { 201: schema.Dyno } } },
    async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      const { command, size } = request.body;
      checkCommand(command);
      const attach = request.body.attach === true;
      const { env, columns, rows } = readEnv(request.body.env ?? {});
      const tty = attach && request.body.force_no_tty !== true;
      const oneOff = await oneOffs.create({ app, command, env, tty, size, attach });
      const shown = typeof command === 'string' ? command : command.join(' ');
      logAction(app.id, by, [`Starting process with command \`${shown}\``]);
      if (!attach) {
        await oneOff.start();
        return reply.code(201).send(presentDyno(oneOff.dyno, app));
      }
      const windowSize = tty && columns > 0 && rows > 0 ? { columns, rows } : undefined;
      const url = attachments.offer({ app, by, oneOff, windowSize });
      return reply.code(201).send({ ...presentDyno(oneOff.dyno, app), attach_url: url });
    },
  );
}

function addWishRoutes(server: ApiServer, deps: DynoRouteDeps): void {
  const { db, oneOffs, logAction } = deps;
  const whole = { params: AppParams, response: { 202: Nothing } };
  const byType = { params: FormationParams, response: { 202: Nothing } };
  const byName = { params: schema.DynoParams, response: { 202: Nothing } };

  server.delete('/apps/:app/dynos', { schema: whole }, async (request, reply) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    restartDynos(db, { app });
    logAction(app.id, by, ['Restart all dynos']);
    return reply.code(202).send({});
  });

  server.delete('/apps/:app/dynos/:dyno', { schema: byName }, async (request, reply) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    const { dyno } = request.params;
    if (isOneOff(dyno)) await oneOffs.kill(app, dyno);
    else restartDynos(db, { app, ...splitName(db, app, dyno) });
    logAction(app.id, by, [`Restart ${dyno}`]);
    return reply.code(202).send({});
  });

  server.post('/apps/:app/dynos/:dyno/actions/stop', { schema: byName }, async (request, reply) => {
    const by = accountOf(request);
    const app = findAppFor(db, by, request.params.app);
    const { dyno } = request.params;
    if (isOneOff(dyno)) await oneOffs.kill(app, dyno);
    else stopDynos(db, { app, ...splitName(db, app, dyno) });
    logAction(app.id, by, [`Stop ${dyno}`]);
    return reply.code(202).send({});
  });

  for (const noun of ['formation', 'formations']) {
    server.delete(`/apps/:app/${noun}/:type`, { schema: byType }, async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      restartDynos(db, { app, type: request.params.type });
      logAction(app.id, by, [`Restart ${request.params.type}`]);
      return reply.code(202).send({});
    });

    server.post(`/apps/:app/${noun}/:type/actions/stop`, { schema: byType }, async (request, reply) => {
      const by = accountOf(request);
      const app = findAppFor(db, by, request.params.app);
      stopDynos(db, { app, type: request.params.type });
      logAction(app.id, by, [`Stop ${request.params.type}`]);
      return reply.code(202).send({});
    });
  }
}

function isOneOff(name: string): boolean {
  return /^run\.\d+$/.test(name);
}

function splitName(db: Database, app: App, name: string): { type: string; number?: number } {
  const match = /^([A-Za-z0-9_-]{1,63})(?:\.([1-9]\d{0,5}))?$/.exec(name);
  if (match?.[1] === undefined) throw dynoNotFound(db, app, name);
  return { type: match[1], ...(match[2] !== undefined && { number: Number(match[2]) }) };
}

function presentDyno(dyno: Dyno, app: App): schema.Dyno {
  return {
    id: derivedId('dyno', app.id, dyno.name, dyno.containerId ?? ''),
    name: dyno.name,
    type: dyno.type,
    state: dyno.state,
    size: dyno.size,
    command: dyno.command,
    app: appReference(app),
    release: {
      id: dyno.releaseId ?? derivedId('release', app.id, String(dyno.releaseVersion)),
      version: dyno.releaseVersion,
    },
    attach_url: null,
    created_at: isoTime(dyno.updatedAt),
    updated_at: isoTime(dyno.updatedAt),
    next_try_at: dyno.nextTryAt === undefined ? null : isoTime(dyno.nextTryAt),
  };
}
