// The worker thread that owns the store's SQLite file, so that a slow disk never keeps the collector from reading
// container output. Requests come as messages and are answered in order.

import { parentPort, workerData } from 'node:worker_threads';
import { assertNever } from '../errors.js';
import type { LogFilter } from './line.js';
import { LogStore, type StoreBatch } from './store.js';

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
  | { readonly kind: 'dropOld'; readonly nowUs: number }
  | { readonly kind: 'close' };

export interface StoreReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: string;
}

if (parentPort !== null) serve(parentPort);

function serve(port: NonNullable<typeof parentPort>): void {
  // Given by store-thread.ts, which is typed.
  const options = workerData as ConstructorParameters<typeof LogStore>[0];
  const store = new LogStore(options);
  port.on('message', (message: { id: number; request: StoreRequest }) => {
    let reply: StoreReply;
    try {
      reply = { id: message.id, value: answer(store, message.request) };
    } catch (error) {
      reply = { id: message.id, error: String(error) };
    }
    port.postMessage(reply);
    if (message.request.kind === 'close') port.close();
  });
}

function answer(store: LogStore, request: StoreRequest): unknown {
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
      return store.dropOld(request.nowUs);
    case 'close':
      return store.close();
    default:
      return assertNever(request);
  }
}
