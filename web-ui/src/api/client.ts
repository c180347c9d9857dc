// The dashboard's only way to the HTTP API: cookies carry the session, writes carry the CSRF token,
// and every failure becomes an ApiError with the server's message and hint. No other file calls fetch.
import type {
  App,
  Build,
  ConfigUpdates,
  ConfigVars,
  Domain,
  Dyno,
  DynoWhy,
  Explanation,
  FormationEntry,
  Release,
  SignedIn,
} from './types.js';

/** A request that failed. `status` 0 means that no answer came; `id` is the API's error id. */
export class ApiError extends Error {
  readonly status: number;
  readonly id: string;
  readonly hint: string | undefined;

  constructor(fields: { status: number; id: string; message: string; hint?: string | undefined }) {
    super(fields.message);
    this.name = 'ApiError';
    this.status = fields.status;
    this.id = fields.id;
    this.hint = fields.hint;
  }

  /** True while the platform is away (stopped, restarting, network down), false when it said no. */
  get isUnreachable(): boolean {
    return this.status === 0 || this.status === 502 || this.status === 503 || this.status === 504;
  }
}

/** What runs of an app; `warning` says in a sentence that it is what was seen earlier. */
export interface DynoList {
  readonly dynos: Dyno[];
  readonly warning: string | undefined;
}

/** Everything the dashboard asks of the API. Each call throws ApiError. */
export interface Client {
  currentSession(signal?: AbortSignal): Promise<SignedIn>;
  signIn(email: string, password: string): Promise<SignedIn>;
  signOut(): Promise<void>;
  listApps(signal?: AbortSignal): Promise<App[]>;
  createApp(name: string | undefined): Promise<App>;
  getApp(app: string, signal?: AbortSignal): Promise<App>;
  updateApp(app: string, changes: { name?: string; maintenance?: boolean }): Promise<App>;
  destroyApp(app: string): Promise<void>;
  listDynos(app: string, signal?: AbortSignal): Promise<DynoList>;
  /** The app, its releases that matter, and each dyno. */
  explain(app: string, signal?: AbortSignal): Promise<Explanation[]>;
  explainDyno(app: string, dyno: string, signal?: AbortSignal): Promise<DynoWhy>;
  restartDynos(app: string, dyno?: string): Promise<void>;
  listFormation(app: string, signal?: AbortSignal): Promise<FormationEntry[]>;
  scale(app: string, updates: { type: string; quantity: number }[]): Promise<FormationEntry[]>;
  listReleases(app: string, max: number, signal?: AbortSignal): Promise<Release[]>;
  rollback(app: string, releaseId: string): Promise<Release>;
  listBuilds(app: string, max: number, signal?: AbortSignal): Promise<Build[]>;
  getBuild(app: string, id: string, signal?: AbortSignal): Promise<Build>;
  cancelBuild(app: string, id: string): Promise<void>;
  getConfig(app: string, signal?: AbortSignal): Promise<ConfigVars>;
  changeConfig(app: string, updates: ConfigUpdates): Promise<ConfigVars>;
  getReleaseConfig(app: string, version: number, signal?: AbortSignal): Promise<ConfigVars>;
  listDomains(app: string, signal?: AbortSignal): Promise<Domain[]>;
  addDomain(app: string, hostname: string): Promise<Domain>;
  removeDomain(app: string, hostname: string): Promise<void>;
  /** Returns the signed URL of a tail that begins with the newest `lines` lines. */
  openLogSession(app: string, lines: number, signal: AbortSignal): Promise<string>;
  /** Opens a text stream of this server (build output, log session) and yields it decoded, chunk by chunk. */
  stream(url: string, options: { lastEventId?: string; signal: AbortSignal }): Promise<AsyncIterable<string>>;
}

interface Call {
  body?: unknown;
  range?: string;
  signal?: AbortSignal | undefined;
  /** Is given the warning of an answer. */
  onWarning?: (text: string) => void;
}

type Send = <T>(method: string, path: string, call?: Call) => Promise<T>;

/** Makes the client. `onSignedOut` is called when the server no longer accepts the session. */
export function createClient(options: { fetch: typeof fetch; onSignedOut: () => void }): Client {
  let csrf = '';
  const send: Send = async (method, path, call = {}) => {
    const response = await answer(() => options.fetch(path, requestOf(method, call, csrf)), call.signal);
    const warning = response.headers.get('x-heroku-warning');
    if (warning !== null) call.onWarning?.(warning);
    if (response.ok) return readJson(response);
    if (response.status === 401 && path !== '/login') options.onSignedOut();
    throw await errorOf(response);
  };
  const keepCsrf = (signedIn: SignedIn): SignedIn => {
    csrf = signedIn.csrf;
    return signedIn;
  };
  return {
    currentSession: async (signal) => keepCsrf(await send('GET', '/login', { signal })),
    signIn: async (email, password) => keepCsrf(await send('POST', '/login', { body: { email, password } })),
    signOut: () => send('DELETE', '/login'),
    ...appCalls(send),
    ...releaseCalls(send),
    ...settingCalls(send),
    stream: async (url, { lastEventId, signal }) => {
      const headers: Record<string, string> = {};
      if (lastEventId !== undefined) headers['last-event-id'] = lastEventId;
      const path = samePlace(url);
      const response = await answer(
        () => options.fetch(path, { headers, signal, cache: 'no-store' }),
        signal,
      );
      if (!response.ok || !response.body) throw await errorOf(response);
      return decode(response.body, signal);
    },
  };
}

function requestOf(method: string, call: Call, csrf: string): RequestInit {
  const headers: Record<string, string> = { accept: 'application/vnd.heroku+json; version=3' };
  if (method !== 'GET') headers['x-csrf-token'] = csrf;
  if (call.range) headers['range'] = call.range;
  const init: RequestInit = { method, headers, credentials: 'same-origin', cache: 'no-store' };
  if (call.signal) init.signal = call.signal;
  if (call.body === undefined) return init;
  headers['content-type'] = 'application/json';
  return { ...init, body: JSON.stringify(call.body) };
}

function appCalls(send: Send) {
  return {
    listApps: (signal?: AbortSignal) => send<App[]>('GET', '/apps', { signal }),
    createApp: (name: string | undefined) => send<App>('POST', '/apps', { body: name ? { name } : {} }),
    getApp: (app: string, signal?: AbortSignal) => send<App>('GET', at(app), { signal }),
    updateApp: (app: string, changes: { name?: string; maintenance?: boolean }) =>
      send<App>('PATCH', at(app), { body: changes }),
    destroyApp: (app: string) => send<void>('DELETE', at(app)),
    listDynos: async (app: string, signal?: AbortSignal) => {
      let warning: string | undefined;
      const onWarning = (text: string) => {
        warning = text;
      };
      const dynos = await send<Dyno[]>('GET', at(app, 'dynos'), { signal, onWarning });
      return { dynos, warning };
    },
    explain: async (app: string, signal?: AbortSignal) =>
      (await send<{ explanations: Explanation[] }>('GET', at(app, 'why'), { signal })).explanations,
    explainDyno: (app: string, dyno: string, signal?: AbortSignal) =>
      send<DynoWhy>('GET', `${at(app, 'why')}?dyno=${encodeURIComponent(dyno)}`, { signal }),
    restartDynos: (app: string, dyno?: string) =>
      send<void>('DELETE', dyno ? at(app, 'dynos', dyno) : at(app, 'dynos')),
    listFormation: (app: string, signal?: AbortSignal) =>
      send<FormationEntry[]>('GET', at(app, 'formation'), { signal }),
    scale: (app: string, updates: { type: string; quantity: number }[]) =>
      send<FormationEntry[]>('PATCH', at(app, 'formation'), { body: { updates } }),
  };
}

function releaseCalls(send: Send) {
  return {
    listReleases: (app: string, max: number, signal?: AbortSignal) =>
      send<Release[]>('GET', at(app, 'releases'), { range: `version ..; order=desc,max=${max}`, signal }),
    rollback: (app: string, releaseId: string) =>
      send<Release>('POST', at(app, 'releases'), { body: { release: releaseId } }),
    listBuilds: async (app: string, max: number, signal?: AbortSignal) => {
      const range = `created_at ..; order=desc,max=${max}`;
      const builds = await send<Build[]>('GET', at(app, 'builds'), { range, signal });
      return builds.toSorted((a, b) => b.created_at.localeCompare(a.created_at)).slice(0, max);
    },
    getBuild: (app: string, id: string, signal?: AbortSignal) =>
      send<Build>('GET', at(app, 'builds', id), { signal }),
    cancelBuild: (app: string, id: string) => send<void>('DELETE', at(app, 'builds', id)),
    getReleaseConfig: (app: string, version: number, signal?: AbortSignal) =>
      send<ConfigVars>('GET', at(app, 'releases', String(version), 'config-vars'), { signal }),
  };
}

function settingCalls(send: Send) {
  return {
    getConfig: (app: string, signal?: AbortSignal) =>
      send<ConfigVars>('GET', at(app, 'config-vars'), { signal }),
    changeConfig: (app: string, updates: ConfigUpdates) =>
      send<ConfigVars>('PATCH', at(app, 'config-vars'), { body: updates }),
    listDomains: (app: string, signal?: AbortSignal) => send<Domain[]>('GET', at(app, 'domains'), { signal }),
    addDomain: (app: string, hostname: string) =>
      send<Domain>('POST', at(app, 'domains'), { body: { hostname, sni_endpoint: null } }),
    removeDomain: (app: string, hostname: string) => send<void>('DELETE', at(app, 'domains', hostname)),
    openLogSession: async (app: string, lines: number, signal: AbortSignal) => {
      const body = { lines, tail: true };
      return (await send<{ logplex_url: string }>('POST', at(app, 'log-sessions'), { body, signal }))
        .logplex_url;
    },
  };
}

function at(app: string, ...rest: string[]): string {
  return ['/apps', ...[app, ...rest].map(encodeURIComponent)].join('/');
}

/** Streams are read from the host this page came from: the CSP allows no other, and it works through a tunnel too. */
function samePlace(url: string): string {
  const { pathname, search } = new URL(url, location.origin);
  return pathname + search;
}

async function answer(call: () => Promise<Response>, signal: AbortSignal | undefined): Promise<Response> {
  try {
    return await call();
  } catch (cause) {
    if (signal?.aborted) throw cause;
    throw unreachable(0);
  }
}

function unreachable(status: number): ApiError {
  return new ApiError({
    status,
    id: 'unreachable',
    message: 'The platform does not answer.',
    hint: 'It may be restarting. Your apps keep running meanwhile, and this page tries again by itself.',
  });
}

async function errorOf(response: Response): Promise<ApiError> {
  const { status } = response;
  const body = await readJson<{ id?: string; message?: string; hint?: string }>(response).catch(
    () => undefined,
  );
  if (body?.message)
    return new ApiError({ status, id: body.id ?? 'error', message: body.message, hint: body.hint });
  if (status >= 502) return unreachable(status);
  return new ApiError({ status, id: 'error', message: `The platform answered ${status}.` });
}

async function readJson<T>(response: Response): Promise<T> {
  const text = await response.text();
  // The shape is the server's promise (response schemas of its routes).
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

async function* decode(body: ReadableStream<Uint8Array>, signal: AbortSignal): AsyncGenerator<string> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  try {
    for (;;) {
      const { done, value } = await reader.read().catch((cause: unknown) => {
        if (signal.aborted) throw cause;
        throw unreachable(0);
      });
      if (done) return;
      yield decoder.decode(value, { stream: true });
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}
