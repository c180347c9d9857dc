// A registry that has one image, `tiny:1`, on a free port of 127.0.0.1, from which Docker pulls without TLS.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gzipSync } from 'node:zlib';
import { pack } from 'tar-stream';

export interface TinyRegistry extends AsyncDisposable {
  /** `127.0.0.1:PORT/tiny:1` */
  readonly reference: string;
}

/** `content` is in the image's only file, so that each test has an image of its own. */
export async function startTinyRegistry(content: string): Promise<TinyRegistry> {
  const tar = pack();
  tar.entry({ name: 'content' }, content);
  tar.finalize();
  const layer = await buffer(tar);
  const blob = gzipSync(layer);
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: { Cmd: ['/content'] },
      rootfs: { type: 'layers', diff_ids: [digestOf(layer)] },
    }),
  );
  const type = 'application/vnd.docker.distribution.manifest.v2+json';
  const part = (kind: string, bytes: Buffer) => ({
    mediaType: `application/vnd.docker.${kind}`,
    size: bytes.length,
    digest: digestOf(bytes),
  });
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: type,
      config: part('container.image.v1+json', config),
      layers: [part('image.rootfs.diff.tar.gzip', blob)],
    }),
  );
  const found = new Map([
    ['/v2/', Buffer.from('{}')],
    ['/v2/tiny/manifests/1', manifest],
    [`/v2/tiny/manifests/${digestOf(manifest)}`, manifest],
    [`/v2/tiny/blobs/${digestOf(config)}`, config],
    [`/v2/tiny/blobs/${digestOf(blob)}`, blob],
  ]);
  const server = createServer((request, response) => {
    const body = found.get(request.url ?? '');
    const isManifest = request.url?.includes('/manifests/');
    response.writeHead(body === undefined ? 404 : 200, {
      'content-type': isManifest ? type : 'application/octet-stream',
      'content-length': body?.length ?? 0,
      ...(body !== undefined && { 'docker-content-digest': digestOf(body) }),
    });
    response.end(request.method === 'HEAD' ? undefined : body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  // A server on a port has an address of this form.
  const { port } = server.address() as AddressInfo;
  return {
    reference: `127.0.0.1:${port}/tiny:1`,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
