import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { pack } from 'tar-stream';
import { expect, it } from 'vitest';
import { readBuildpackResult } from '../../../src/build/buildpack-result.js';

const HEADER_BYTES = 512;

/** A tar with one file, as the engine sends it. */
async function tarOf(content: string): Promise<Buffer> {
  const tar = pack();
  tar.entry({ name: 'paas-release.json' }, content);
  tar.finalize();
  const chunks: Buffer[] = [];
  for await (const chunk of tar) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

it('reads what buildpacks leave', async () => {
  const left = { buildpacks: ['heroku/nodejs'], default_process_types: { web: 'npm start' }, vendor: null };
  expect(await readBuildpackResult(Readable.from([await tarOf(JSON.stringify(left))]))).toEqual({
    buildpacks: ['heroku/nodejs'],
    defaultProcessTypes: { web: 'npm start' },
    vendor: undefined,
  });
});

it('says that what it cannot read comes from the buildpacks', async () => {
  for (const text of ['', 'no json', '[]', '{"buildpacks":[],"default_process_types":{"web":1}}']) {
    const archive = Readable.from([await tarOf(text)]);
    await expect(readBuildpackResult(archive), text).rejects.toMatchObject({ id: 'build_failed' });
  }
});

it('does not take in what a build made too large', async () => {
  const archive = new PassThrough();
  const tar = pack();
  tar.entry({ name: 'paas-release.json', size: 4 * 1024 ** 3 });
  const [header] = await once(tar as unknown as Readable, 'data');
  archive.write(header);
  const closed = new Promise((resolve) => archive.once('close', resolve));
  const reading = readBuildpackResult(archive);
  await expect(reading).rejects.toThrow('larger than 1 MiB');
  await closed;
});

it('does not wait for the rest of an archive whose connection was cut', async () => {
  const archive = new PassThrough();
  const whole = await tarOf(' '.repeat(1000));
  archive.write(whole.subarray(0, HEADER_BYTES + 100));
  const reading = readBuildpackResult(archive);
  setImmediate(() => archive.destroy(new Error('cut')));
  await expect(reading).rejects.toThrow();
});
