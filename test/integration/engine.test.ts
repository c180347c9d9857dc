import { randomBytes } from 'node:crypto';
import { PassThrough, type Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import Docker from 'dockerode';
import { pino } from 'pino';
import { extract, pack } from 'tar-stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { divideSubnet } from '../../src/dynos/addresses.js';
import { dynoSpec, imageAssemblySpec, oneOffSpec } from '../../src/engine/container-spec.js';
import { createDockerEngine } from '../../src/engine/docker.js';
import type { ContainerEvent } from '../../src/engine/engine.js';
import { readOpenFilesLimit } from '../../src/engine/open-files.js';
import { eventually } from '../support/house.js';
import { newInstance } from '../support/test-instance.js';
import { importTinyImage } from '../support/tiny-image.js';
import { startTinyRegistry } from '../support/tiny-registry.js';

const instance = newInstance();
const engine = createDockerEngine({
  socketPath: '/var/run/docker.sock',
  instance,
  maxOpenFiles: await readOpenFilesLimit({ pidFile: '/run/docker.pid' }),
  log: pino({ level: 'silent' }),
});
const docker = new Docker({ socketPath: '/var/run/docker.sock' });
const network = `paas-${instance}`;
const subnet = `10.${200 + (process.pid % 10)}.${process.pid % 250}.0/24`;
const fixedIp = subnet.replace('0/24', '77');
const app = { id: 'a1', name: 'tiny' };
let image = '';

const suffix = () => randomBytes(6).toString('hex');
const signal = () => AbortSignal.timeout(60_000);

function spec(command: string[], more: { ip?: string; env?: Record<string, string>; image?: string } = {}) {
  return dynoSpec({
    instance,
    app,
    suffix: suffix(),
    image: more.image ?? image,
    release: 3,
    type: 'web',
    number: 1,
    imageUser: '',
    command,
    env: more.env ?? {},
    memoryBytes: 64 * 1024 * 1024,
    pidsLimit: 256,
    network: { name: network, ip: more.ip },
    restarts: 0,
  });
}

async function run(command: string[], more: { env?: Record<string, string> } = {}) {
  const id = await engine.createContainer(spec(command, more));
  const streams = await engine.attach(id, { tty: false, stdin: false });
  const out = Promise.all([text(streams.stdout), text(streams.stderr ?? new PassThrough().end())]);
  await engine.startContainer(id);
  const { exitCode } = await engine.waitContainer(id, { signal: signal() });
  const [stdout, stderr] = await out;
  return { id, exitCode, stdout, stderr };
}

async function drain(output: AsyncGenerator<string, string>) {
  let printed = '';
  for (;;) {
    const step = await output.next();
    if (step.done) return { printed, digest: step.value };
    printed += step.value;
  }
}

function tarOf(files: Record<string, string>): Readable {
  const tar = pack();
  for (const [name, content] of Object.entries(files)) tar.entry({ name, uid: 20000, gid: 20000 }, content);
  tar.finalize();
  return tar.pipe(new PassThrough());
}

async function untar(stream: Readable): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for await (const entry of stream.pipe(extract()))
    files[entry.header.name] = await text(entry as unknown as Readable);
  return files;
}

beforeAll(async () => {
  image = await importTinyImage({ instance, name: 'tiny' });
  await engine.ensureNetwork({ name: network, subnet, ...divideSubnet(subnet), isolated: true });
});

afterAll(async () => {
  for (const container of await engine.listContainers()) await engine.removeContainer(container.id);
  for (const found of await engine.listImages()) {
    for (const tag of found.tags) await engine.removeImage(tag);
    await engine.removeImage(found.id);
  }
  await engine.removeNetwork(network);
  await engine.removeVolume(`paas-cache-${instance}-a1`);
});

describe('containers', () => {
  it('are gone when a removal has ended, also one that another removal was quicker than', async () => {
    const ids = await Promise.all(
      Array.from({ length: 3 }, () => engine.createContainer(spec(['sleep', '60']))),
    );
    for (const id of ids) await engine.startContainer(id);
    const isListed = async (id: string) => (await engine.listContainers()).some((found) => found.id === id);
    const seen = ids.map(async (id) => {
      const removals = Array.from({ length: 4 }, () => engine.removeContainer(id).then(() => isListed(id)));
      return await Promise.all(removals);
    });
    expect((await Promise.all(seen)).flat()).toEqual(Array(12).fill(false));
  });

  it('answers with its versions', async () => {
    expect((await engine.ping()).apiVersion).toMatch(/^1\.\d+$/);
  });

  it('run without root, capabilities or a way to get them', async () => {
    const { stdout, exitCode } = await run([
      'sh',
      '-c',
      'id -u; grep -E "CapEff|NoNewPrivs|Seccomp:" /proc/self/status; ulimit -n; ulimit -c',
    ]);
    expect(exitCode).toBe(0);
    expect(stdout.replaceAll('\t', ' ')).toBe(
      '20000\nCapEff: 0000000000000000\nNoNewPrivs: 1\nSeccomp: 2\n16384\n0\n',
    );
  });

  it('keep stdout and stderr apart and report the exit code', async () => {
    const { id, exitCode, stdout, stderr } = await run(['sh', '-c', 'echo out; echo err >&2; exit 7']);
    expect({ exitCode, stdout, stderr }).toEqual({ exitCode: 7, stdout: 'out\n', stderr: 'err\n' });
    const details = await engine.inspectContainer(id);
    expect(details).toMatchObject({ state: 'exited', exitCode: 7, oomKilled: false, pid: 0 });
    expect(details.labels['paas.build']).toBeUndefined();
    const lines = [];
    for await (const line of engine.readLogs(id, { sinceMs: 0, signal: signal() }))
      lines.push(`${line.stream} ${line.text}`);
    expect(lines.sort()).toEqual(['stderr err', 'stdout out']);
  });

  it('lose nothing of a flood', async () => {
    const { stdout } = await run(['seq', '1', '200000']);
    expect(stdout.length).toBe(1288895);
  });

  it('get the fixed address they were given', async () => {
    const id = await engine.createContainer(spec(['sleep', '60'], { ip: fixedIp }));
    expect((await engine.listContainers()).find((c) => c.id === id)).toMatchObject({
      state: 'created',
      ip: fixedIp,
    });
    await engine.startContainer(id);
    expect(await engine.inspectContainer(id)).toMatchObject({ state: 'running', ip: fixedIp });
    await engine.stopContainer(id, { graceMs: 5000 });
    await engine.stopContainer(id, { graceMs: 5000 });
    await engine.signalContainer(id, 'SIGTERM');
    expect((await engine.inspectContainer(id)).exitCode).toBe(143);
    await engine.removeContainer(id);
    await engine.removeContainer(id);
  });

  it('end the program that reads stdin when stdin is half closed, and pass its output on', async () => {
    const id = await engine.createContainer(
      oneOffSpec({
        instance,
        app,
        suffix: suffix(),
        image,
        release: 3,
        type: 'run',
        number: 1234,
        imageUser: 'root',
        command: ['wc', '-c'],
        env: {},
        memoryBytes: 64 * 1024 * 1024,
        pidsLimit: 256,
        network: { name: network, ip: undefined },
        tty: false,
        openStdin: true,
        attached: true,
      }),
    );
    const streams = await engine.attach(id, { tty: false, stdin: true });
    await engine.startContainer(id);
    streams.stdin.write('x'.repeat(300_000));
    streams.stdin.end();
    expect((await text(streams.stdout)).trim()).toBe('300000');
    streams.close();
  });

  it('with a TTY have one stream and a size', async () => {
    const id = await engine.createContainer(
      oneOffSpec({
        instance,
        app,
        suffix: suffix(),
        image,
        release: 3,
        type: 'run',
        number: 1235,
        imageUser: '',
        command: ['sh', '-c', 'read line; echo got $line'],
        env: {},
        memoryBytes: 64 * 1024 * 1024,
        pidsLimit: 256,
        network: { name: network, ip: undefined },
        tty: true,
        openStdin: true,
        attached: true,
      }),
    );
    const streams = await engine.attach(id, { tty: true, stdin: true });
    await engine.startContainer(id);
    await engine.resizeTty(id, { columns: 100, rows: 30 });
    streams.stdin.write('hello\n');
    expect(await text(streams.stdout)).toBe('hello\r\ngot hello\r\n');
    await engine.resizeTty(id, { columns: 100, rows: 30 });
  });

  it('are announced when they start, die and go', async () => {
    const stop = new AbortController();
    const seen: ContainerEvent[] = [];
    let watchedId = '';
    const watched = (async () => {
      for await (const event of engine.events({ signal: stop.signal })) {
        seen.push(event);
        if (event.kind === 'destroy' && event.containerId === watchedId) return;
      }
    })();
    // The stream does not say from when on it tells.
    await eventually('the events come', async () => {
      await run(['true']);
      return seen.length > 0;
    });
    const { id } = await run(['sh', '-c', 'exit 3']);
    watchedId = id;
    await engine.removeContainer(id);
    await watched;
    stop.abort();
    expect(seen.filter((e) => e.containerId === id).map((e) => [e.kind, e.exitCode])).toEqual([
      ['start', undefined],
      ['die', 3],
      ['destroy', undefined],
    ]);
  });

  it('never repeat a config var in an error', async () => {
    const id = await engine
      .createContainer(spec(['sh'], { env: { SECRET: `s3cr${'\0'}et-value` } }))
      .catch((e) => e);
    const failed = typeof id === 'string' ? await engine.startContainer(id).catch((e) => e) : id;
    expect(failed.id).toBe('service_unavailable');
    expect(JSON.stringify([failed.message, String(failed.cause), failed.hint])).not.toContain('s3cr');
  });

  it('say so when the container or its image is unknown, or the address taken', async () => {
    expect((await run(['no-such-program'])).exitCode).toBe(127);
    await expect(engine.inspectContainer('0123456789ab')).rejects.toMatchObject({ id: 'not_found' });
    await expect(engine.startContainer('0123456789ab')).rejects.toMatchObject({ id: 'not_found' });
    await expect(engine.createContainer(spec(['true'], { image: 'no-such/image:1' }))).rejects.toMatchObject({
      id: 'not_found',
      message: "Couldn't find image no-such/image:1.",
    });
    const ids = await Promise.all(
      [1, 2].map(() => engine.createContainer(spec(['sleep', '60'], { ip: fixedIp }))),
    );
    await engine.startContainer(ids[0] ?? '');
    await expect(engine.startContainer(ids[1] ?? '')).rejects.toMatchObject({ id: 'conflict' });
    for (const id of ids) await engine.removeContainer(id);
  });

  it('of someone else are neither listed nor removed', async () => {
    const other = await docker.createContainer({
      Image: image,
      Cmd: ['true'],
      Labels: { 'paas.instance': `${instance}-other` },
    });
    try {
      expect((await engine.listContainers()).map((c) => c.id)).not.toContain(other.id);
      await expect(engine.removeContainer(other.id)).rejects.toMatchObject({ id: 'forbidden' });
    } finally {
      await other.remove({ force: true });
    }
  });

  it('make waiting end when the waiter gives up', async () => {
    const id = await engine.createContainer(spec(['sleep', '60']));
    await engine.startContainer(id);
    const stop = new AbortController();
    const waiting = engine.waitContainer(id, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow('enough');
    await engine.removeContainer(id);
  });
});

describe('images', () => {
  it('are made of a container that files were unpacked into', async () => {
    const id = await engine.createContainer(
      imageAssemblySpec({ instance, app, suffix: suffix(), image, buildId: 'b1' }),
    );
    await engine.putArchive(id, tarOf({ 'app/hello.txt': 'hello' }), { path: '/' });
    expect(await untar(await engine.getArchive(id, { path: '/app/hello.txt' }))).toEqual({
      'hello.txt': 'hello',
    });
    const tag = `paas-${instance}/a1:b1`;
    const digest = await engine.commitContainer(id, {
      tag,
      labels: { 'paas.app': 'a1', 'paas.build': 'b1' },
      cmd: ['cat', '/app/hello.txt'],
      workingDir: '/app',
      user: '20000:20000',
    });
    const details = await engine.inspectImage(tag);
    expect(details).toMatchObject({
      id: digest,
      cmd: ['cat', '/app/hello.txt'],
      workingDir: '/app',
      user: '20000:20000',
    });
    expect((await engine.listImages()).find((i) => i.id === digest)?.tags).toEqual([tag]);
    await engine.tagImage(digest, `paas-${instance}/a1:b2`);
    await engine.removeContainer(id);
    await engine.removeImage(tag);
    await engine.removeImage(tag);
    expect((await engine.inspectImage(digest)).id).toBe(digest);
  });

  it('are built from a Dockerfile with BuildKit, cache mounts included', async () => {
    const dockerfile = `FROM ${image}\nARG WHO\nRUN --mount=type=cache,target=/cache echo "n $WHO" >> /cache/n; cat /cache/n > /n; echo built for $WHO\nCMD ["cat", "/n"]\n`;
    const options = {
      dockerfile: 'Dockerfile',
      tag: `paas-${instance}/a1:df`,
      labels: { 'paas.app': 'a1' },
      memoryBytes: 2 ** 30,
      cpus: 1,
      signal: signal(),
    };
    const first = await drain(
      engine.buildImage(tarOf({ Dockerfile: dockerfile }), { ...options, buildArgs: { WHO: instance } }),
    );
    expect(first.printed).toMatch(/#\d+ \[.*2\/2\] RUN --mount/);
    expect(first.printed).toMatch(new RegExp(`#\\d+ built for ${instance}\n`));
    expect(first.printed).toMatch(/#\d+ DONE/);
    expect(await engine.inspectImage(first.digest)).toMatchObject({
      cmd: ['cat', '/n'],
      labels: { 'paas.instance': instance, 'paas.app': 'a1' },
    });
  });

  it('that cannot be built say which step failed', async () => {
    const dockerfile = `FROM ${image}\nRUN echo before; exit 9\n`;
    const build = engine.buildImage(tarOf({ Dockerfile: dockerfile }), {
      dockerfile: 'Dockerfile',
      tag: `paas-${instance}/a1:no`,
      labels: {},
      buildArgs: {},
      memoryBytes: 2 ** 30,
      cpus: 1,
      signal: signal(),
    });
    await expect(drain(build)).rejects.toMatchObject({
      id: 'build_failed',
      message: expect.stringContaining('exit code: 9'),
    });
  });

  it('stop being built when the builder is told so', async () => {
    const stop = new AbortController();
    const mark = `43${process.pid}`;
    const dockerfile = `FROM ${image}\nRUN echo ${suffix()}; sleep ${mark}\n`;
    const build = engine.buildImage(tarOf({ Dockerfile: dockerfile }), {
      dockerfile: 'Dockerfile',
      tag: `paas-${instance}/a1:no`,
      labels: {},
      buildArgs: {},
      memoryBytes: 2 ** 30,
      cpus: 1,
      signal: stop.signal,
    });
    const stopped = (async () => {
      for await (const output of build) if (output.includes('sleep')) stop.abort(new Error('canceled'));
    })();
    await expect(stopped).rejects.toThrow('canceled');
    await expect.poll(() => isRunning(`sleep ${mark}`), { timeout: 60_000 }).toBe(false);
  });

  it('let go of a source that is not read to its end, and of the files that it has open', async () => {
    const stop = new AbortController();
    const endless = new PassThrough();
    // As much as fits: the rest waits for the builder.
    while (endless.write(Buffer.alloc(64 * 1024)));
    const build = engine.buildImage(endless, {
      dockerfile: 'Dockerfile',
      tag: `paas-${instance}/a1:no`,
      labels: {},
      buildArgs: {},
      memoryBytes: 2 ** 30,
      cpus: 1,
      signal: stop.signal,
    });
    const building = drain(build);
    await eventually('a builder that reads', () => endless.listenerCount('data') > 0);
    stop.abort(new Error('canceled'));
    await expect(building).rejects.toThrow('canceled');
    expect(endless.destroyed).toBe(true);
  });

  it('that are not there or cannot be pulled are not found', async () => {
    await expect(engine.inspectImage('paas-test/none:1')).rejects.toMatchObject({ id: 'not_found' });
    const tag = `paas-${instance}/a1:pulled`;
    const pull = engine.pullImage('127.0.0.1:1/none:1', { tag, signal: signal() });
    await expect(drain(pull)).rejects.toMatchObject({ id: 'not_found' });
    const local = await drain(engine.pullImage(image, { tag, signal: signal() }));
    expect(local.digest).toMatch(/^sha256:/);
    await engine.removeImage(tag);
    expect((await engine.inspectImage(image)).id).toBe(local.digest);
  });

  it('that were pulled have no other name than ours, and are gone with it', async () => {
    await using registry = await startTinyRegistry(instance);
    const { reference } = registry;
    const tag = `paas-${instance}/a1:pulled`;
    const { digest } = await drain(engine.pullImage(reference, { tag, signal: signal() }));
    await expect(engine.inspectImage(reference)).rejects.toMatchObject({ id: 'not_found' });
    expect((await engine.listImages()).find(({ id }) => id === digest)?.tags).toEqual([tag]);
    await engine.removeImage(tag);
    await expect(engine.inspectImage(digest)).rejects.toMatchObject({ id: 'not_found' });
  });
});

it('makes volumes and networks once, and only its own', async () => {
  const name = `paas-cache-${instance}-a1`;
  await engine.ensureVolume(name, { 'paas.app': 'a1' });
  await engine.ensureVolume(name, { 'paas.app': 'a1' });
  await engine.ensureNetwork({ name: network, subnet, ...divideSubnet(subnet), isolated: true });
  await expect(
    engine.ensureNetwork({ name: 'bridge', subnet, ...divideSubnet(subnet), isolated: true }),
  ).rejects.toMatchObject({
    id: 'forbidden',
  });
  await engine.removeVolume(name);
  await engine.removeVolume(name);
});

it('says that the engine does not answer', async () => {
  const absent = createDockerEngine({
    socketPath: '/nonexistent.sock',
    instance,
    maxOpenFiles: 1024,
    log: pino({ level: 'silent' }),
  });
  await expect(absent.ping()).rejects.toMatchObject({ id: 'service_unavailable' });
  await expect(absent.listContainers()).rejects.toMatchObject({ id: 'service_unavailable' });
});

async function isRunning(commandLine: string): Promise<boolean> {
  const { readdir, readFile } = await import('node:fs/promises');
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
  );
  return lines.some((line) => line.replaceAll('\0', ' ').trim() === commandLine);
}
