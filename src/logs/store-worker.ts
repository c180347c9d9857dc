// The worker thread that owns the store's SQLite file, so that a slow disk never keeps the collector from reading
// container output. Requests come as messages and are answered in order.

import { parentPort, workerData } from 'node:worker_threads';
import { assertNever } from '../errors.js';
import type { LogFilter } from './line.js';
import { MendedStore, type StoreDamage } from './mended-store.js';
import type { LogStore, StoreBatch } from './store.js';

/** What store-thread.ts asks for. */
export type StoreRequest =
  | { readonly kind: 'commit'; readonly batch: StoreBatch }
  | {
      readonly kind: 'readLast';
      readonly query: { appId: string; lines: number; beforeSeq?: number; filter: LogFilter };
    }
  | { readonly kind: 'readAfter'; readonly query: { appId: string; afterSeq: number; maxBytes: number } }
  | { readonly kind: 'start' }
  | { readonly kind: 'forgetContainers'; readonly containerIds: readonly string[] }
  | { readonly kind: 'forgetApp'; readonly appId: string }
  | { readonly kind: 'dropOld'; readonly sureUs: number | undefined }
  | { readonly kind: 'close' };

/** A request, and the time at which it is made. */
export interface StoreMessage {
  readonly id: number;
  readonly nowUs: number;
  readonly request: StoreRequest;
}

export interface StoreReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
  /** The file was damaged, and the request was answered by a new one. */
  readonly damage?: StoreDamage;
}

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  // Given by store-thread.ts, which is typed.
  const options = workerData as ConstructorParameters<typeof LogStore>[0];
  let damage: StoreDamage | undefined;
  const store = new MendedStore({
    ...options,
    onDamage: (found) => {
      damage = found;
    },
  });
  port.on('message', ({ id, nowUs, request }: StoreMessage) => {
    let reply: StoreReply;
    damage = undefined;
    try {
      const value = request.kind === 'close' ? store.close() : store.use(nowUs, (it) => answer(it, request));
      reply = { id, value };
    } catch (error) {
      reply = { id, error: String(error) };
    }
    port.postMessage(damage === undefined ? reply : { ...reply, damage });
    if (request.kind === 'close') port.close();
  });
}

function answer(store: LogStore, request: Exclude<StoreRequest, { kind: 'close' }>): unknown {
  switch (request.kind) {
    case 'commit':
      return store.commit(request.batch);
    case 'readLast':
      return store.readLast(request.query);
    case 'readAfter':
      return store.readAfter(request.query);
    case 'start':
      return { nextSeq: store.nextSeq(), progress: store.listProgress() };
    case 'forgetContainers':
      return store.forgetContainers(request.containerIds);
    case 'forgetApp':
      return store.forgetApp(request.appId);
    case 'dropOld':
      return store.dropOld(request.sureUs);
    default:
      return assertNever(request);
  }
}
