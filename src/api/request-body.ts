// Reads bodies: JSON objects within a size, a depth and a time; archives are left for their route to read.

import type { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { PaasError } from '../errors.js';

const MAX_BYTES = 1024 * 1024;
const MAX_DEPTH = 32;
const TIMEOUT_MS = 20_000;

declare module 'fastify' {
  interface FastifyRequest {
    /** The body of an upload, not read yet. */
    archive: Readable | undefined;
  }
  interface FastifyContextConfig {
    /** The route takes an archive: one that is sent as gzip (then its JSON body is empty), or whatever is sent. */
    archive?: 'gzip' | 'any';
  }
}

/** Makes `server` take JSON bodies, and archives where a route says so. A request without a body has an empty object. */
export function acceptBodies(server: FastifyInstance): void {
  server.decorateRequest('archive', undefined);
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', async (request: FastifyRequest, payload: Readable) => {
    if (isArchive(request)) {
      request.archive = payload;
      return {};
    }
    if (!isJson(request.headers['content-type'] ?? '')) {
      throw new PaasError('unsupported_media_type', 'The body must be sent as application/json in UTF-8.');
    }
    const text = decode(await readBytes(payload, { maxBytes: MAX_BYTES, timeoutMs: TIMEOUT_MS }));
    const wantsBody = request.routeOptions.schema?.body !== undefined;
    return text === '' && !wantsBody ? {} : parseObject(text);
  });
  server.addHook('preValidation', async (request) => {
    if (request.body === undefined) request.body = {};
  });
}

function isArchive(request: FastifyRequest): boolean {
  const { archive } = request.routeOptions.config;
  const isGzip = /^application\/(x-)?gzip$/i.test(request.headers['content-type'] ?? '');
  return archive === 'any' || (archive === 'gzip' && isGzip);
}

/** How large the body says it is; 0 when it does not say. */
export function announcedBytes(request: Pick<FastifyRequest, 'headers'>): number {
  const bytes = Number(request.headers['content-length'] ?? 0);
  return Number.isSafeInteger(bytes) && bytes > 0 ? bytes : 0;
}

/** Whether a Content-Type names JSON in UTF-8: `application/json`, or any `application/…+json`. */
export function isJson(contentType: string): boolean {
  const match = /^application\/(?:[a-z0-9.-]+\+)?json((?: *; *[a-z-]+=(?:"[^"\t]*"|[\w.+-]+))*) *$/i.exec(
    contentType,
  );
  if (match === null) return false;
  const charset = /charset="?([^";]*)/i.exec(match[1] ?? '')?.[1];
  return charset === undefined || /^utf-?8$/i.test(charset.trim());
}

/** The JSON object in `text`. Throws `invalid_json`, also for keys that would change an object's prototype. */
export function parseObject(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new PaasError('invalid_json', 'The body is not valid JSON.', { cause });
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new PaasError('invalid_json', 'The body must be a JSON object.');
  }
  checkNesting(value, MAX_DEPTH);
  // Just checked.
  return value as Record<string, unknown>;
}

function checkNesting(value: object, levels: number): void {
  if (levels === 0) {
    throw new PaasError('invalid_json', `The body is nested more than ${MAX_DEPTH} levels deep.`);
  }
  for (const [key, item] of Object.entries(value)) {
    const isObject = typeof item === 'object' && item !== null;
    if (key === '__proto__' || (key === 'constructor' && isObject && Object.hasOwn(item, 'prototype'))) {
      throw new PaasError('invalid_json', `The body has the key ${key}, which is not allowed.`);
    }
    if (isObject) checkNesting(item, levels - 1);
  }
}

/**
 * The whole of a small stream. Throws `payload_too_large` and `request_timeout`, and leaves the stream open then, so
 * that a reply can still be sent on its socket.
 */
function readBytes(stream: Readable, limits: { maxBytes: number; timeoutMs: number }): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const stop = () => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose);
    };
    const fail = (error: unknown) => {
      stop();
      stream.on('error', () => undefined);
      stream.pause();
      reject(error);
    };
    const onData = (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > limits.maxBytes) fail(new PaasError('payload_too_large', 'The body is larger than 1 MiB.'));
      else chunks.push(chunk);
    };
    const onEnd = () => {
      stop();
      resolve(Buffer.concat(chunks));
    };
    const onError = (error: unknown) =>
      fail(new PaasError('bad_request', 'The body broke off.', { cause: error }));
    const onClose = () => fail(new PaasError('bad_request', 'The body broke off.'));
    const timer = setTimeout(() => {
      const text = `The body did not arrive within ${limits.timeoutMs / 1000} seconds.`;
      fail(new PaasError('request_timeout', text));
    }, limits.timeoutMs);
    stream.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  });
}

function decode(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new PaasError('invalid_json', 'The body is not valid UTF-8.', { cause });
  }
}
