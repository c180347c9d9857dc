// Real git against a listening server: pushes of every kind, at once, cut off, refused.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type App, createApp, destroyApp } from '../../src/platform/apps.js';
import { listBuilds } from '../../src/platform/builds.js';
import { listReleases } from '../../src/platform/releases.js';
import { startTestServer, type TestServer, until } from '../support/api-server.js';
import { fail, type Script, succeed } from '../support/fake-deploys.js';

let test: TestServer;
let origin: string;
let token: string;
let owner: Awaited<ReturnType<TestServer['addAccount']>>;
let scratch: string;
let app: App;
let remote: string;
let work: string;

beforeAll(async () => {
  test = await startTestServer();
  owner = await test.addAccount('owner@example.com');
  ({ token } = owner);
  origin = await test.listen();
  scratch = mkdtempSync(join(tmpdir(), 'paas-git-'));
});
afterAll(async () => {
  await test[Symbol.asyncDispose]();
  rmSync(scratch, { recursive: true, force: true });
});

beforeEach(async () => {
  test.deploys.script = succeed;
  test.deploys.started.length = 0;
  test.deploys.canceled.length = 0;
  app = createApp(test.db, { owner: owner.account });
  remote = `${origin.replace('http://', `http://paas:${token}@`)}/${app.name}.git`;
  work = mkdtempSync(join(scratch, 'work-'));
  await git('init', '-q', '-b', 'main');
  await commit('one');
});

interface Ended {
  code: number | null;
  output: string;
}

function start(
  args: string[],
  options: { cwd?: string; detached?: boolean } = {},
): ChildProcess & { ended: Promise<Ended> } {
  const child = spawn('git', args, {
    cwd: options.cwd ?? work,
    detached: options.detached ?? false,
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: scratch,
      GIT_TERMINAL_PROMPT: '0',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_AUTHOR_NAME: 'a',
      GIT_AUTHOR_EMAIL: 'a@example.com',
      GIT_COMMITTER_NAME: 'a',
      GIT_COMMITTER_EMAIL: 'a@example.com',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk;
  });
  const ended = new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, output })));
  return Object.assign(child, { ended });
}

async function git(...args: string[]): Promise<string> {
  const { code, output } = await start(args).ended;
  if (code !== 0) throw new Error(`git ${args.join(' ')}: ${output}`);
  return output.trim();
}

async function commit(text: string): Promise<string> {
  writeFileSync(join(work, 'file'), `${text}\n`);
  await git('add', '.');
  await git('commit', '-q', '-m', text);
  return await git('rev-parse', 'HEAD');
}

const push = (...args: string[]) => start(['push', remote, ...args]).ended;
const remoteRef = async (ref: string) => (await git('ls-remote', remote, ref)).split('\t')[0] ?? '';
const quarantines = () =>
  readdirSync(join(test.directory, 'repositories', `${app.id}.git`, 'objects')).filter((name) =>
    name.startsWith('tmp_objdir'),
  );

const heldPushes = () => readdirSync(join(test.directory, 'repositories', `${app.id}.git`, 'held'));
const queued = () => listBuilds(test.db, app.id).filter(({ status }) => status === 'queued');

/** A script that prints a line and waits until it is told to go on, or canceled. */
function gate(): { script: Script; open: () => void } {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  const script: Script = async function* ({ signal }) {
    yield '-----> Building slowly\n';
    const aborted = new Promise<void>((resolve) => {
      signal.addEventListener('abort', () => resolve());
      // It may have been while the line before was written.
      if (signal.aborted) resolve();
    });
    await Promise.race([opened, aborted]);
    return 'released';
  };
  return { script, open };
}

describe('a push to main', () => {
  it('deploys, prints the output as it is made, and moves the branch', async () => {
    const { code, output } = await push('main');
    expect(output).toContain('remote: -----> Building');
    expect(output).toContain('remote:        done ✓');
    expect(output).toContain('remote: Verifying deploy... done.');
    expect(code).toBe(0);
    expect(await remoteRef('refs/heads/main')).toBe(await git('rev-parse', 'HEAD'));
    expect(test.deploys.started).toHaveLength(1);
    expect(test.deploys.started[0]?.source).toMatchObject({
      kind: 'git',
      commit: await git('rev-parse', 'HEAD'),
    });
    expect(listReleases(test.db, app.id)[0]?.version).toBe(2);
    expect((await push('main')).output).toContain('Everything up-to-date');
  });

  it('builds the same commit again after a failed build', async () => {
    test.deploys.script = fail;
    for (const attempt of [1, 2]) {
      const { code, output } = await push('main');
      expect(code).not.toBe(0);
      expect(output).toContain('remote:  !     It does not compile');
      expect(output).toContain('remote:  !     Push rejected, failed to compile Tiny app.');
      expect(output).toContain('pre-receive hook declined');
      expect(test.deploys.started).toHaveLength(attempt);
    }
    expect(await remoteRef('refs/heads/main')).toBe('');
    test.deploys.script = succeed;
    expect((await push('main')).code).toBe(0);
  });

  it('gives the build a way to the objects before they are accepted', async () => {
    let files = '';
    test.deploys.script = async function* ({ source }) {
      if (source.kind !== 'git') throw new Error('not git');
      const args = ['--git-dir', source.repositoryPath, 'ls-tree', '--name-only', source.commit];
      const child = spawn('git', args, { env: { PATH: process.env['PATH'] ?? '', ...source.objectEnv } });
      for await (const chunk of child.stdout) files += String(chunk);
      yield 'ok\n';
      return 'released';
    };
    await push('main');
    expect(files.trim()).toBe('file');
  });

  it('strips escape sequences and control characters, and keeps UTF-8', async () => {
    test.deploys.script = async function* () {
      yield '\u001b[31mré';
      yield 'd\u001b[';
      yield '0m\u0007 ☃\r\n\u001b]0;title\u0007end\n';
      return 'released';
    };
    const { output } = await push('main');
    expect(output).toContain('remote: réd ☃');
    expect(output).toContain('remote: end');
    expect(output).not.toContain('title');
    expect(output).not.toContain('\u001b[31m');
  });

  it('takes a commit that changes nothing', async () => {
    await push('main');
    await git('commit', '-q', '--allow-empty', '-m', 'empty');
    expect((await push('main')).code).toBe(0);
    expect(test.deploys.started).toHaveLength(2);
  });

  it('refuses a rewritten history without force, and deploys it with', async () => {
    await push('main');
    await git('commit', '-q', '--amend', '-m', 'other');
    const refused = await push('main');
    expect(refused.output).toContain('rejected');
    expect((await push('-f', 'main')).code).toBe(0);
    expect(test.deploys.started).toHaveLength(2);
    expect(await remoteRef('refs/heads/main')).toBe(await git('rev-parse', 'HEAD'));
  });

  it('deploys from a shallow clone, and from the full one after it', async () => {
    await commit('two');
    const shallow = join(scratch, `shallow-${app.name}`);
    await git('clone', '-q', '--depth', '1', `file://${work}`, shallow);
    const { code, output } = await start(['push', remote, 'main'], { cwd: shallow }).ended;
    expect(output).toContain('Building');
    expect(code).toBe(0);
    await commit('three');
    expect((await push('main')).code).toBe(0);
    expect(test.deploys.started).toHaveLength(2);
  });

  it('deploys a large push', async () => {
    writeFileSync(join(work, 'noise'), randomBytes(4_000_000));
    await commit('large');
    expect((await push('main')).code).toBe(0);
  });

  it('refuses a push over the limit', async () => {
    writeFileSync(join(work, 'noise'), randomBytes(12_000_000));
    await commit('huge');
    const { code, output } = await push('main');
    expect(code).not.toBe(0);
    expect(output).toContain('exceeds maximum allowed size');
    expect(test.deploys.started).toHaveLength(0);
    await until('what was received is removed', () => quarantines().length === 0);
  });
});

describe('other refs', () => {
  it('refuses other branches and says how to deploy them', async () => {
    const { code, output } = await push('main:dev');
    expect(code).not.toBe(0);
    expect(output).toContain('git push REMOTE dev:main');
    expect(test.deploys.started).toHaveLength(0);
  });

  it('keeps tags without deploying, and takes them along with main', async () => {
    await git('tag', 'v1');
    const alone = await push('v1');
    expect(alone.code).toBe(0);
    expect(alone.output).toContain('only a push to main or master is deployed');
    expect(test.deploys.started).toHaveLength(0);
    await git('tag', 'v2');
    expect((await push('main', 'v2')).code).toBe(0);
    expect(test.deploys.started).toHaveLength(1);
  });

  it('refuses an annotated tag in place of a commit', async () => {
    await git('tag', '-a', 'v3', '-m', 'v3');
    const { code, output } = await push('refs/tags/v3:refs/heads/main');
    expect(code).not.toBe(0);
    expect(output).toContain('TAG^{}:main');
    expect(test.deploys.started).toHaveLength(0);
  });

  it('deploys master, and main anew after it', async () => {
    await push('main');
    expect((await push('main:master')).code).toBe(0);
    await until('main is gone', async () => (await remoteRef('refs/heads/main')) === '');
    expect((await push('main')).code).toBe(0);
    expect(test.deploys.started).toHaveLength(3);
  });

  it('refuses main and master together', async () => {
    const { code, output } = await push('main', 'main:master');
    expect(code).not.toBe(0);
    expect(output).toContain('push the one to deploy');
  });

  it('refuses to delete main', async () => {
    await push('main');
    const { code } = await push(':main');
    expect(code).not.toBe(0);
    expect(await remoteRef('refs/heads/main')).not.toBe('');
  });

  it.each(['a;id', '$(id)', "a'b", '-x', 'a|b', `${'a/'.repeat(120)}b`])(
    'refuses the branch %s',
    async (name) => {
      const { code, output } = await push(`main:refs/heads/${name}`);
      expect(code).not.toBe(0);
      expect(output).toContain('is not taken here');
      expect(test.deploys.started).toHaveLength(0);
    },
  );

  it('refuses very many refs at once', async () => {
    const head = await git('rev-parse', 'HEAD');
    const lines = Array.from({ length: 600 }, (_, index) => `${head} refs/tags/t${index}`);
    writeFileSync(
      join(work, '.git', 'packed-refs'),
      `# pack-refs with: peeled fully-peeled sorted \n${lines.sort().join('\n')}\n`,
    );
    const { code, output } = await push('--tags');
    expect(code).not.toBe(0);
    expect(output).toContain('at most 500');
  });
});

describe('clones', () => {
  it('gives the code back', async () => {
    await push('main');
    const copy = join(scratch, `copy-${app.name}`);
    await git('clone', '-q', remote, copy);
    expect(existsSync(join(copy, 'file'))).toBe(true);
  });
});

describe('access', () => {
  const ask = (path: string, headers: Record<string, string> = {}) => fetch(`${origin}${path}`, { headers });

  it('asks for a token', async () => {
    const reply = await ask(`/${app.name}.git/info/refs?service=git-receive-pack`);
    expect(reply.status).toBe(401);
    expect(reply.headers.get('www-authenticate')).toMatch(/^Basic realm=/);
    const wrong = remote.replace(token, 'wrong');
    expect((await start(['push', wrong, 'main']).ended).output).toContain('Authentication failed');
  });

  it('hides the apps of others, also after the refs were shown', async () => {
    const other = await test.addAccount(`other-${app.name}@example.com`);
    const foreign = remote.replace(token, other.token);
    const { code, output } = await start(['push', foreign, 'main']).ended;
    expect(code).not.toBe(0);
    expect(output).toMatch(/not found|Couldn't find that app/);
    const reply = await fetch(`${origin}/${app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...other.headers, 'content-type': 'application/x-git-receive-pack-request' },
      body: '0000',
    });
    expect(reply.status).toBe(404);
  });

  it('answers only what it serves', async () => {
    const { headers } = owner;
    expect((await ask(`/${app.name}.git/info/refs?service=git-x`, headers)).status).toBe(400);
    expect((await ask(`/${app.name}.git/info/refs`, headers)).status).toBe(400);
    for (const path of ['HEAD', 'config', 'objects/info/packs']) {
      expect((await ask(`/${app.name}.git/${path}`, headers)).status).toBe(404);
    }
    expect((await ask('/..%2f..%2fetc.git/info/refs?service=git-receive-pack', headers)).status).toBe(404);
    expect((await ask(`/${app.name}/info/refs?service=git-receive-pack`, headers)).status).toBe(404);
  });

  it('answers a broken pack with an error of git, and lives', async () => {
    const { headers } = owner;
    const head = await git('rev-parse', 'HEAD');
    const line = `${'0'.repeat(40)} ${head} refs/heads/main\0 report-status\n`;
    const request = `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000PACK garbage`;
    const reply = await fetch(`${origin}/${app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...headers, 'content-type': 'application/x-git-receive-pack-request' },
      body: request,
    });
    await reply.text();
    expect(test.deploys.started).toHaveLength(0);
    expect((await push('main')).code).toBe(0);
  });
});

describe('several pushes at once', () => {
  async function clones(count: number): Promise<string[]> {
    await push('main');
    test.deploys.started.length = 0;
    const directories: string[] = [];
    for (let index = 0; index < count; index += 1) {
      const copy = mkdtempSync(join(scratch, 'clone-'));
      rmSync(copy, { recursive: true });
      await git('clone', '-q', remote, copy);
      writeFileSync(join(copy, 'file'), `clone ${index}`);
      await start(['commit', '-q', '-am', `clone ${index}`], { cwd: copy }).ended;
      directories.push(copy);
    }
    return directories;
  }

  it('deploys one, and tells the others why not', async () => {
    const copies = await clones(6);
    const { script, open } = gate();
    test.deploys.script = script;
    const ended: Ended[] = [];
    const pushing: ReturnType<typeof start>[] = [];
    for (const cwd of copies) {
      const child = start(['push', remote, 'main'], { cwd });
      pushing.push(child);
      void child.ended.then((end) => ended.push(end));
      // One that has not begun would be superseded as well. The others come all at once.
      if (pushing.length === 1) await until('it builds', () => test.deploys.started.length === 1);
    }
    // One builds, one waits for it; the others were superseded.
    await until('four have their answer', () => ended.length === 4);
    open();
    await Promise.all(pushing.map((child) => child.ended));
    const accepted = ended.filter(({ code }) => code === 0);
    expect(accepted).toHaveLength(1);
    expect(test.deploys.started).toHaveLength(1);
    expect(listReleases(test.db, app.id)).toHaveLength(3);
    const refused = ended.filter(({ code }) => code !== 0).map(({ output }) => output);
    expect(refused.filter((output) => output.includes('Superseded by build'))).toHaveLength(4);
    expect(refused.filter((output) => output.includes('Another push moved main'))).toHaveLength(1);
  });

  it('tells one that a newer push overtakes so at once, without git', async () => {
    const [copy = ''] = await clones(1);
    const { script, open } = gate();
    test.deploys.script = script;
    const before = await remoteRef('refs/heads/main');
    const late = postLater();
    await late.hasBegun;
    const newer = start(['push', remote, 'main'], { cwd: copy });
    await until('the newer one builds', () => test.deploys.started.length === 1);
    const answer = await late.send(pushOf({ oldId: before, newId: 'a'.repeat(40) }));
    expect(answer).toContain(`Superseded by build ${test.deploys.started[0]?.buildId}, which is newer`);
    expect(answer).toContain('ng refs/heads/main superseded by a newer push\n');
    expect(listBuilds(test.db, app.id)).toHaveLength(2);
    open();
    expect((await newer.ended).code).toBe(0);
    await until('nothing is left', () => quarantines().length === 0 && heldPushes().length === 0);
  });

  it('lets the older one in when it is of the same commit, which it follows', async () => {
    const [copy = ''] = await clones(1);
    const { script, open } = gate();
    test.deploys.script = script;
    const before = await remoteRef('refs/heads/main');
    const late = postLater();
    await late.hasBegun;
    const newer = start(['push', remote, 'main'], { cwd: copy });
    await until('the newer one builds', () => test.deploys.started.length === 1);
    const newId = (await start(['rev-parse', 'HEAD'], { cwd: copy }).ended).output.trim();
    const packing = spawn('git', ['pack-objects', '--revs', '--stdout', '-q'], { cwd: copy });
    packing.stdin.end(`${newId}\n^${before}\n`);
    const pack: Buffer[] = [];
    for await (const chunk of packing.stdout) pack.push(chunk as Buffer);
    const answering = late.send(Buffer.concat([pushOf({ oldId: before, newId }), ...pack]));
    open();
    expect(await answering).toContain('ok refs/heads/main');
    expect((await newer.ended).code).toBe(0);
  });

  it('gives the next one its turn when the first fails', async () => {
    const [first = '', second = ''] = await clones(2);
    const { script, open } = gate();
    let runs = 0;
    test.deploys.script = async function* (deploy) {
      runs += 1;
      if (runs > 1) return 'released';
      yield* script(deploy);
      return 'failed';
    };
    const one = start(['push', remote, 'main'], { cwd: first });
    await until('the first builds', () => runs === 1);
    const two = start(['push', remote, 'main'], { cwd: second });
    let said = '';
    two.stderr?.on('data', (chunk: string) => {
      said += chunk;
    });
    await until('the second is told to wait', () => said.includes('is running; waiting (place 1)'));
    open();
    expect((await one.ended).code).not.toBe(0);
    expect((await two.ended).code).toBe(0);
  });

  it('builds what goes on from the push before it, though that moved the branch meanwhile', async () => {
    const [copy = ''] = await clones(1);
    const { script, open } = gate();
    test.deploys.script = script;
    const one = start(['push', remote, 'main'], { cwd: copy });
    await until('the first builds', () => test.deploys.started.length === 1);
    await start(['commit', '-q', '--allow-empty', '-m', 'more'], { cwd: copy }).ended;
    const two = start(['push', remote, 'main'], { cwd: copy });
    await until('the second waits', () => queued().length === 1);
    open();
    expect((await one.ended).code).toBe(0);
    const { code, output } = await two.ended;
    expect(output).toContain('Released v4');
    expect(code).toBe(0);
    expect(await remoteRef('refs/heads/main')).toBe(
      (await start(['rev-parse', 'HEAD'], { cwd: copy }).ended).output.trim(),
    );
  });

  it('follows the build of the same commit that is under way', async () => {
    const { script, open } = gate();
    test.deploys.script = script;
    const one = start(['push', remote, 'main'], { detached: true });
    await until('it builds', () => test.deploys.started.length === 1);
    process.kill(-(one.pid ?? 0), 'SIGKILL');
    const two = start(['push', remote, 'main']);
    let said = '';
    two.stderr?.on('data', (chunk: string) => {
      said += chunk;
    });
    await until('the second follows', () => said.includes('is being built already'));
    open();
    expect((await two.ended).code).toBe(0);
    expect(test.deploys.started).toHaveLength(1);
    expect(listReleases(test.db, app.id)).toHaveLength(2);
  });
});

/** What a client says before its pack. */
function pushOf({ oldId, newId }: { oldId: string; newId: string }): Buffer {
  const line = `${oldId} ${newId} refs/heads/main\0 report-status side-band-64k object-format=sha1`;
  return Buffer.from(`${(line.length + 4).toString(16).padStart(4, '0')}${line}0000`);
}

/** A push whose headers are sent, and its body when told to; gives all of the answer. */
function postLater() {
  const request = http.request(`${origin}/${app.name}.git/git-receive-pack`, {
    method: 'POST',
    headers: {
      ...owner.headers,
      'content-type': 'application/x-git-receive-pack-request',
      expect: '100-continue',
    },
  });
  const hasBegun = once(request, 'continue');
  request.flushHeaders();
  return {
    hasBegun,
    async send(body: Buffer): Promise<string> {
      const answered = once(request, 'response');
      request.end(body);
      const [response] = (await answered) as [http.IncomingMessage];
      let text = '';
      for await (const chunk of response.setEncoding('utf8')) text += chunk;
      return text;
    },
  };
}

describe('a client that goes', () => {
  it('leaves its build to go on, and the branch moves with the release', async () => {
    const { script, open } = gate();
    test.deploys.script = script;
    const pushing = start(['push', remote, 'main'], { detached: true });
    await until('it builds', () => test.deploys.started.length === 1);
    process.kill(-(pushing.pid ?? 0), 'SIGKILL');
    await until('what git received is removed', () => quarantines().length === 0);
    expect(await remoteRef('refs/heads/main')).toBe('');
    open();
    await until('the branch has moved', async () => (await remoteRef('refs/heads/main')) !== '');
    expect(test.deploys.canceled).toEqual([]);
    expect(listReleases(test.db, app.id)[0]?.commit).toBe(await remoteRef('refs/heads/main'));
    await until('nothing is held', () => heldPushes().length === 0);
    expect((await push('main')).output).toContain('Everything up-to-date');
    const copy = join(scratch, `cut-${app.name}`);
    await git('clone', '-q', remote, copy);
    expect(existsSync(join(copy, 'file'))).toBe(true);
  });

  it('leaves nothing behind in mid-pack', async () => {
    const controller = new AbortController();
    const body = new ReadableStream<Uint8Array>({
      async start(stream) {
        const head = await git('rev-parse', 'HEAD');
        const line = `${'0'.repeat(40)} ${head} refs/heads/main\0 report-status\n`;
        stream.enqueue(
          Buffer.from(
            `${(line.length + 4).toString(16).padStart(4, '0')}${line}0000PACK\0\0\0\u0002\0\0\u0001\0`,
          ),
        );
      },
    });
    const request = fetch(`${origin}/${app.name}.git/git-receive-pack`, {
      method: 'POST',
      headers: { ...owner.headers, 'content-type': 'application/x-git-receive-pack-request' },
      body,
      duplex: 'half',
      signal: controller.signal,
    } as RequestInit);
    const gone = request.catch(() => undefined);
    await until('git receives', () => {
      try {
        return quarantines().length > 0;
      } catch {
        return false;
      }
    });
    controller.abort();
    await gone;
    await until('the quarantine is gone', () => quarantines().length === 0);
    expect(test.deploys.started).toHaveLength(0);
    expect((await push('main')).code).toBe(0);
  });

  it('is cut off when it loses access while it waits', async () => {
    test.deploys.script = gate().script;
    const pushing = start(['push', remote, 'main']);
    await until('it builds', () => test.deploys.started.length === 1);
    destroyApp(test.db, { app });
    const { code } = await pushing.ended;
    expect(code).not.toBe(0);
    expect(test.deploys.canceled).toHaveLength(1);
  });
});
