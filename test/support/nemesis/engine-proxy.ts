// Stands between paasd and the engine, on a socket of its own, and misbehaves on demand: refuses, cuts connections,
// loses answers of calls that the engine has carried out.

import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';

export interface EngineProxy extends AsyncDisposable {
  readonly socketPath: string;
  /** While cut, nothing gets through; what is open ends. */
  cut(isCut: boolean): void;
  /** Ends the event streams that are open. */
  cutEvents(): void;
  /** The next answer to a request whose first line matches never comes: the connection ends instead. */
  loseAnswer(pattern: RegExp | undefined): void;
}

/** A proxy from `socketPath` to the engine at `target`. */
export async function openEngineProxy(options: { socketPath: string; target: string }): Promise<EngineProxy> {
  const open = new Set<{ client: Socket; engine: Socket; firstLine: string }>();
  let isCut = false;
  let lost: RegExp | undefined;
  const server = createServer({ allowHalfOpen: true }, (client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const engine = createConnection({ path: options.target, allowHalfOpen: true });
    const pair = { client, engine, firstLine: '' };
    let loses = false;
    open.add(pair);
    client.on('data', (chunk: Buffer) => {
      const line = /^(?:GET|POST|DELETE|PUT|HEAD) \S+/.exec(chunk.subarray(0, 300).toString('latin1'))?.[0];
      if (line !== undefined) pair.firstLine = line;
      if (line !== undefined && lost?.test(line)) {
        loses = true;
        lost = undefined;
      }
      if (!engine.write(chunk)) client.pause();
    });
    engine.on('drain', () => client.resume());
    engine.on('data', (chunk: Buffer) => {
      if (loses) close();
      else if (!client.write(chunk)) engine.pause();
    });
    client.on('drain', () => engine.resume());
    client.on('end', () => engine.end());
    engine.on('end', () => client.end());
    const close = () => {
      open.delete(pair);
      client.destroy();
      engine.destroy();
    };
    for (const socket of [client, engine]) socket.on('error', close);
    client.on('close', close);
    // What the engine has said last is still to be written.
    engine.on('close', () => {
      open.delete(pair);
      client.end();
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.socketPath, resolve);
  });
  const end = (which: (firstLine: string) => boolean) => {
    for (const { client, engine, firstLine } of open) {
      if (!which(firstLine)) continue;
      client.destroy();
      engine.destroy();
    }
  };
  return {
    socketPath: options.socketPath,
    cut(wished) {
      isCut = wished;
      if (isCut) end(() => true);
    },
    cutEvents: () => end((line) => line.includes('/events')),
    loseAnswer(pattern) {
      lost = pattern;
    },
    async [Symbol.asyncDispose]() {
      isCut = true;
      end(() => true);
      await new Promise<void>((resolve) => server.close(() => resolve()));
      rmSync(options.socketPath, { force: true });
    },
  };
}
