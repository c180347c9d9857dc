// Git over HTTP (gitprotocol-http(5)): pushes and clones of an app's repository at /NAME.git.
// Requests come in with a token; git itself speaks the protocol, its streams go through unbuffered. What a push is
// allowed to do, and its build, is decided in pushes.ts, which the pre-receive hook asks.

import type { IncomingMessage } from 'node:http';
import { PassThrough, type Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Database } from '../db/database.js';
import { PaasError, shortageOf } from '../errors.js';
import type { Logger } from '../log.js';
import type { Account } from '../platform/accounts.js';
import { type App, findAppFor } from '../platform/apps.js';
import { findAccountByToken } from '../platform/tokens.js';
import { type Advertisement, createAdvertisements } from './advertisements.js';
import { feedGit, openBody, readHead, swallowBody } from './git-body.js';
import { createPushHead } from './push-head.js';
import { FLUSH, packetLine } from './push-report.js';
import type { Pushes } from './pushes.js';
import {
  ensureRepository,
  type GitProcess,
  gitEnd,
  killGit,
  startGit,
  startReceivePack,
} from './repository.js';

export interface GitRouteDeps {
  readonly db: Database;
  readonly pushes: Pushes;
  readonly log: Logger;
}

/** Adds `/:app.git/info/refs`, `/:app.git/git-receive-pack` and `/:app.git/git-upload-pack` to a scope of its own. */
export function addGitRoutes(server: FastifyInstance, deps: GitRouteDeps): void {
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.setErrorHandler((error, request, reply) => replyText(error, request, reply));

  const { place } = deps.pushes;
  const ask = createAdvertisements(place);
  server.get('/:repository/info/refs', async (request, reply) => {
    const { app } = authorise(deps.db, request, reply);
    const service = readService((request.query as { service?: unknown }).service);
    const repository = await ensureRepository(place, app.id);
    if (service === 'git-receive-pack') deps.pushes.expect(repository);
    return await advertise(ask, { repository, call: { app, service, request, reply } });
  });

  for (const service of ['git-receive-pack', 'git-upload-pack'] as const) {
    server.post(`/:repository/${service}`, async (request, reply) => {
      const { app, account } = authorise(deps.db, request, reply);
      if (request.headers['content-type'] !== `application/x-${service}-request`) {
        throw new PaasError('unsupported_media_type', `The body must be application/x-${service}-request.`);
      }
      return await (service === 'git-receive-pack'
        ? receive(deps, { app, account, request, reply })
        : upload(deps, { app, request, reply }));
    });
  }
}

type Service = 'git-receive-pack' | 'git-upload-pack';

interface Call {
  readonly app: App;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

async function advertise(
  ask: (asked: Advertisement) => Promise<string>,
  { repository, call }: { repository: string; call: Call & { service: Service } },
): Promise<FastifyReply> {
  const { service, reply } = call;
  const command = service === 'git-receive-pack' ? 'receive-pack' : 'upload-pack';
  const env = protocolEnv(call.request);
  const text = await ask({ repository, command, env });
  // Version 2 begins with its capabilities at once (gitprotocol-v2(5)).
  const isVersion2 = service === 'git-upload-pack' && env['GIT_PROTOCOL']?.includes('version=2') === true;
  const start = isVersion2 ? '' : `${packetLine(`# service=${service}\n`)}${FLUSH}`;
  return reply
    .type(`application/x-${service}-advertisement`)
    .header('cache-control', 'no-cache')
    .send(Buffer.from(start + text));
}

async function upload(deps: GitRouteDeps, call: Call): Promise<FastifyReply> {
  const { place } = deps.pushes;
  const repository = await ensureRepository(place, call.app.id);
  const git = startGit(place, ['upload-pack', '--stateless-rpc', repository], protocolEnv(call.request));
  watch(deps.log, git, call.reply);
  void feedGit(openBody(call.request, place), git);
  return await answer(call.reply, 'git-upload-pack', git);
}

async function receive(deps: GitRouteDeps, call: Call & { account: Account }): Promise<FastifyReply> {
  const { app, account: by, reply, request } = call;
  const { place } = deps.pushes;
  const repository = await ensureRepository(place, app.id);
  let git: GitProcess | undefined;
  const head = createPushHead();
  const push = deps.pushes.begin({ app, by, repository, head, onLost: () => reply.raw.destroy() });
  reply.raw.once('close', () => {
    push.abandon();
    if (git !== undefined) killGit(git);
  });
  const end = () =>
    push
      .end()
      .catch((error: unknown) => deps.log.error({ err: error, app: app.name }, 'end of a push failed'));
  const body = openBody(call.request, place);
  try {
    const start = await readHead(body, head);
    const refusal = await push.turn();
    if (refusal === undefined && !reply.raw.destroyed) {
      const started = startReceivePack(place, repository, { ...protocolEnv(request), ...push.env });
      git = started.git;
      void push.serve(started.pipes);
      logErrors(deps.log, git);
      void gitEnd(git).then(end);
      // A git client that is answered before it has sent all can wait for ever (seen with git 2.39).
      return await answer(reply, 'git-receive-pack', git, feedGit(body, git, start));
    }
    await swallowBody(body);
    return result(reply, 'git-receive-pack', refusal ?? '');
  } finally {
    if (git === undefined) void end();
  }
}

/** Sends what git says, from the moment at which `hasTaken` is settled. */
async function answer(
  reply: FastifyReply,
  service: Service,
  git: GitProcess,
  hasTaken?: Promise<void>,
): Promise<FastifyReply> {
  // At once: Node throws away what nobody reads when a process ends.
  const out = new PassThrough();
  git.stdout.pipe(out);
  // The client may have gone: what git says is read all the same, so that it can end.
  reply.raw.once('close', () => git.stdout.unpipe(out).resume());
  await hasTaken;
  return result(reply, service, out);
}

function result(reply: FastifyReply, service: Service, payload: Readable | string): FastifyReply {
  return reply.type(`application/x-${service}-result`).header('cache-control', 'no-cache').send(payload);
}

function watch(log: Logger, git: GitProcess, reply: FastifyReply): void {
  logErrors(log, git);
  reply.raw.once('close', () => {
    if (git.exitCode === null) killGit(git);
  });
}

// What git says about itself is for the operator; what the pusher must know comes through the protocol.
function logErrors(log: Logger, git: GitProcess): void {
  let text = '';
  git.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    if (text.length < 4000) text += chunk;
  });
  git.stdin.on('error', () => undefined);
  git.on('error', (error) => log.error({ err: error }, 'git could not be started'));
  git.on('close', (code) => {
    if (code !== 0) log.debug({ code, stderr: text }, 'git ended with an error');
  });
}

/** Who pushes or fetches, and what. Throws `unauthorized` (after asking for a token) or `not_found`. */
function authorise(
  db: Database,
  request: FastifyRequest,
  reply: FastifyReply,
): { app: App; account: Account } {
  const account = findAccount(db, request.raw);
  if (account === undefined) {
    reply.header('www-authenticate', 'Basic realm="paas", charset="UTF-8"');
    throw new PaasError('unauthorized', 'Log in with any user name, and a token as the password.', {
      hint: 'paas login sets this up; paas authorizations:create makes a token.',
    });
  }
  const { repository } = request.params as { repository: string };
  const name = /^([a-z0-9-]{1,64})\.git$/.exec(repository)?.[1];
  if (name === undefined) throw new PaasError('not_found', 'There is nothing at this address.');
  return { account, app: findAppFor(db, account, name) };
}

function findAccount(db: Database, request: IncomingMessage): Account | undefined {
  const header = request.headers.authorization ?? '';
  const bearer = /^bearer +([\x21-\x7e]{1,200})$/i.exec(header)?.[1];
  const basic = /^basic +([A-Za-z0-9+/=_-]{1,4096})$/i.exec(header)?.[1];
  const pair = basic === undefined ? '' : Buffer.from(basic, 'base64').toString('utf8');
  const secret = bearer ?? (pair.includes(':') ? pair.slice(pair.indexOf(':') + 1) : undefined);
  return secret === undefined ? undefined : findAccountByToken(db, secret)?.account;
}

function readService(value: unknown): Service {
  if (value === 'git-receive-pack' || value === 'git-upload-pack') return value;
  throw new PaasError('bad_request', 'This platform speaks the smart HTTP protocol of git only.');
}

function protocolEnv(request: FastifyRequest): Record<string, string> {
  const header = request.headers['git-protocol'];
  return typeof header === 'string' && /^[a-z0-9=:]{1,64}$/.test(header) ? { GIT_PROTOCOL: header } : {};
}

// git shows plain text of a refused request to its user.
function replyText(thrown: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const error = shortageOf(thrown) ?? thrown;
  if (!(error instanceof PaasError)) {
    request.log.error({ err: error }, 'git request failed');
    return reply.code(500).type('text/plain; charset=utf-8').send('Something went wrong on the platform.\n');
  }
  const hint = error.hint === undefined ? '' : `${error.hint}\n`;
  return reply.code(error.status).type('text/plain; charset=utf-8').send(`${error.message}\n${hint}`);
}
