// The platform under test and what is known of it: one install on an engine of its own, its apps, and how to call it.

import { join } from 'node:path';
import { crashingDaemon } from '../crash-points.js';
import { type EngineProxy, openEngineProxy } from '../engine-proxy.js';
import { newHistory, type History as Seen } from '../invariants.js';
import { type Paas, startPaas } from '../paas.js';
import { patience } from '../patience.js';
import { openPrivateEngine, type PrivateEngine } from '../private-engine.js';
import { importTinyImage } from '../tiny-image.js';
import type { Excuse } from './excuses.js';
import type { History } from './history.js';
import { AppModel } from './model.js';
import type { Random } from './random.js';

export interface World extends AsyncDisposable {
  readonly paas: Paas;
  readonly engine: PrivateEngine;
  readonly proxy: EngineProxy;
  readonly random: Random;
  readonly history: History;
  /** By name; one that is destroyed keeps its place, so that its coming back would be noticed. */
  readonly apps: Map<string, AppModel>;
  /** What the invariants compare with. */
  readonly seen: Seen;
  /** Apps that an operation is at work on, by name. */
  readonly busy: Set<string>;
  /** References of images, and the page that a dyno of each shows. */
  readonly images: readonly { readonly reference: string; readonly page: string; readonly id: string }[];
  /** While this is set, nobody starts paasd again. */
  holdsDaemon: boolean;
  /** A promise that was broken. */
  breach(text: string): void;
  readonly breaches: readonly string[];
  /** From now on for so long (more on a busy machine) requests to the app, or to all, may fail. */
  excuse(what: { app: string | undefined; limitMs: number; most?: number }): Excuse;
  readonly excuses: readonly Excuse[];
  /** Log lines of apps in which some are missing, by name. */
  readonly evidence: Map<string, readonly string[]>;
  /** A call to the API; undefined when no answer came. */
  call(method: string, path: string, body?: unknown): Promise<Answer | undefined>;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

const CALL_LIMIT_MS = 60_000;
const PAGES = 3;
/** Numbered lines beside the page, so that lost ones are noticed. */
const PROGRAM =
  'id=$(head -c 8 /proc/sys/kernel/random/uuid); ' +
  '(n=0; while :; do n=$((n+1)); echo tick $id $n; sleep 0.3; done) & exec httpd -f -p $PORT -h /app';

/** Starts the engine and the platform; disposing it takes both away. */
export async function openWorld(options: { random: Random; history: History }): Promise<World> {
  const { history } = options;
  const engine = await openPrivateEngine({ images: [], diskBytes: 3 * 1024 ** 3 });
  const owned: AsyncDisposable[] = [engine];
  const takeAway = async () => {
    for (const part of owned.reverse()) await part[Symbol.asyncDispose]();
  };
  try {
    const parts = await openParts(engine, owned);
    return {
      ...options,
      ...parts,
      engine,
      ...emptyBooks(history),
      call: callOf(parts.paas),
      [Symbol.asyncDispose]: takeAway,
    };
  } catch (error) {
    await takeAway();
    throw error;
  }
}

/** What stands on the engine; what is opened is added to `owned` at once. */
async function openParts(engine: PrivateEngine, owned: AsyncDisposable[]) {
  const dockerSocket = join(engine.disk, '..', 'proxy.sock');
  const proxy = await openEngineProxy({ socketPath: dockerSocket, engine: engine.socketPath });
  owned.push(proxy);
  const paas = await startPaas(
    {
      PAAS_CRASH_COOL_OFF_SECONDS: '1',
      PAAS_BOOT_TIMEOUT_SECONDS: '20',
      PAAS_LOG_LEVEL: 'debug',
    },
    { engine, dockerSocket, program: crashingDaemon },
  );
  owned.push(paas);
  const images = [];
  for (let page = 1; page <= PAGES; page += 1) images.push(await makeImage(paas, engine, page));
  return { proxy, paas, images };
}

function emptyBooks(history: History) {
  const breaches: string[] = [];
  const excuses: Excuse[] = [];
  return {
    breaches,
    excuses,
    excuse({ app, limitMs, most = Number.POSITIVE_INFINITY }: Parameters<World['excuse']>[0]) {
      const from = performance.now();
      const excuse: Excuse = { app, from, until: from + patience(limitMs), most };
      excuses.push(excuse);
      return excuse;
    },
    apps: new Map<string, AppModel>(),
    seen: newHistory(),
    evidence: new Map<string, readonly string[]>(),
    busy: new Set<string>(),
    holdsDaemon: false,
    breach(text: string) {
      breaches.push(text);
      history.add('BREACH', text);
    },
  };
}

function callOf(paas: Paas): World['call'] {
  return (method, path, body) => call(paas, { method, path, body });
}

async function call(
  paas: Paas,
  { method, path, body }: { method: string; path: string; body: unknown },
): Promise<Answer | undefined> {
  try {
    const response = await fetch(`${paas.url}${path}`, {
      method,
      headers: {
        authorization: `Bearer ${paas.owner.token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(CALL_LIMIT_MS),
    });
    const text = await response.text();
    return {
      status: response.status,
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    };
  } catch {
    return undefined;
  }
}

async function makeImage(paas: Paas, engine: PrivateEngine, page: number) {
  const tag = await importTinyImage({
    instance: paas.instance,
    name: `page${page}`,
    files: { 'app/index.html': { text: `page ${page}\n` } },
    command: ['sh', '-c', PROGRAM],
    socketPath: engine.socketPath,
  });
  // The platform refuses names that are like its own.
  const reference = `nemesis/page${page}:test`;
  await engine.docker(['tag', tag, reference]);
  const id = (await engine.docker(['image', 'inspect', '-f', '{{.Id}}', reference])).trim();
  return { reference, id, page: `page ${page}\n` };
}

/** Puts a new app into the model, in the place of one of the same name. */
export function addApp(world: World, name: string, exists: boolean): AppModel {
  const app = new AppModel(name, exists);
  world.apps.set(name, app);
  return app;
}
