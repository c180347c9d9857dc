// What must hold when the disk is full, the database is damaged, or somebody removed images.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  copyFileSync,
  existsSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statfsSync,
  truncateSync,
  writeSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually, RUN_IMAGE } from '../support/house.js';
import { keptLines } from '../support/log-accounting.js';
import { type Paas, startPaas } from '../support/paas.js';

const WEB = [
  'import http.server, os',
  'class H(http.server.BaseHTTPRequestHandler):',
  '    def do_GET(self):',
  '        body = ("word=" + os.environ.get("WORD", "none")[:9]).encode()',
  '        print("x" * 5000, flush=True)',
  '        if self.path == "/fill": open("/var/tmp/big", "wb").write(b"x" * 30 * 1024 ** 2)',
  '        self.send_response(200); self.send_header("content-length", str(len(body))); self.end_headers()',
  '        self.wfile.write(body)',
  '    def log_message(self, *a): pass',
  'http.server.ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), H).serve_forever()',
].join('\n');

/** An image whose own command is a web server; `mark` makes it another one. */
function makeImage(name: string, mark: string): string {
  const container = docker('create', RUN_IMAGE, 'true');
  const cmd = JSON.stringify(['python3', '-c', WEB]);
  const tag = `${name}:${mark}`;
  docker('commit', '--change', `CMD ${cmd}`, '--change', `LABEL mark=${mark}`, container, tag);
  docker('rm', container);
  return tag;
}

function docker(...args: string[]): string {
  return execFileSync('docker', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
}

async function deploy(paas: Paas, app: string, image: string): Promise<void> {
  const done = await paas.owner.cli(['deploy', '--image', image, '-a', app]);
  expect(done.code, done.all).toBe(0);
}

const versions = async (paas: Paas, app: string) => {
  const { body } = await paas.owner.api('GET', `/apps/${app}/releases`);
  return (body as { version: number; status: string }[]).map(
    ({ version, status }) => `v${version} ${status}`,
  );
};

describe('a data directory on a full disk', () => {
  const mount = mkdtempSync(join(tmpdir(), 'paas-full-'));
  const image = `paas-full-${process.pid}`;
  const filler = join(mount, 'filler');
  let paas: Paas;

  beforeAll(async () => {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m,mode=0700', 'tmpfs', mount]);
    // A hundredth of the disk at most.
    paas = await startPaas({ PAAS_DISK_BALLAST: '1m', PAAS_DISK_CHECK_SECONDS: '1' }, { parentDir: mount });
    await paas.owner.cli(['create', 'full', '--no-remote']);
    await deploy(paas, 'full', makeImage(image, '1'));
    await paas.answers('full', 'word=none');
  });

  afterAll(async () => {
    await paas?.[Symbol.asyncDispose]();
    execFileSync('umount', ['-l', mount]);
    rmSync(mount, { recursive: true });
    docker('rmi', '-f', `${image}:1`);
  });

  /** Fills until this much is left. */
  function fill(leaveBytes: number): void {
    const file = openSync(filler, 'a');
    const block = Buffer.alloc(4096, 1);
    try {
      while (statfsSync(mount).bavail * statfsSync(mount).bsize > leaveBytes) writeSync(file, block);
    } catch (error) {
      // ENOSPC: somebody else was quicker.
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error;
    } finally {
      closeSync(file);
    }
  }

  it('refuses builds below the floor, by API and by push, and says what to do; all else works', async () => {
    fill(8 * 1024 ** 2);
    const refused = await paas.owner.api('POST', '/apps/full/builds', { image: RUN_IMAGE });
    expect(refused).toMatchObject({ status: 507, body: { id: 'storage_full' } });
    const repository = await paas.owner.repository('full', { files: { Procfile: 'web: true\n' } });
    const pushed = await repository.push();
    expect(pushed.code).not.toBe(0);
    expect(pushed.all).toMatch(/remote: +!? +The server is low on disk space .*no build begins/);
    expect(pushed.all).toContain('paas doctor');
    const set = await paas.owner.cli(['config:set', 'WORD=low', '-a', 'full']);
    expect(set.code, set.all).toBe(0);
    await paas.answers('full', 'word=low');
    const doctor = await paas.owner.cli(['doctor']);
    expect(doctor.code, doctor.all).toBe(1);
    expect(doctor.stdout).toMatch(/FAIL {2}disk of data: .* below the floor .* no build begins/);
    const metrics = await paas.owner.api('GET', '/metrics');
    expect(metrics.body).toMatch(/^paas_disk_free_bytes\{holds="data"\} \d+$/m);
    expect(metrics.body).toMatch(/^paas_dynos\{state="up"\} 1$/m);
    expect(metrics.body).toMatch(/^paas_router_responses_total\{app="full",class="2xx"\} [1-9]\d*$/m);
    expect(metrics.body).toMatch(/^paas_router_log_lines_dropped_total 0$/m);
  });

  it('answers writes with 507 when nothing fits, reads go on, no half release; works again by itself', async () => {
    const before = await versions(paas, 'full');
    let statuses: number[] = [];
    const value = 'y'.repeat(60_000);
    for (let tries = 0; tries < 300 && !statuses.includes(507); tries += 1) {
      fill(0);
      const { status } = await paas.owner.api('PATCH', '/apps/full/config-vars', { BIG: `${value}${tries}` });
      statuses = [...statuses, status];
    }
    expect([...new Set(statuses)].sort()).toEqual(expect.arrayContaining([507]));
    expect(statuses.filter((status) => status !== 200 && status !== 507)).toEqual([]);
    const accepted = statuses.filter((status) => status === 200).length;
    const full = await versions(paas, 'full');
    expect(full).toHaveLength(before.length + accepted);
    expect((await paas.owner.api('POST', '/apps', { name: 'another' })).status).toBe(507);
    expect((await paas.owner.api('GET', '/apps/another')).status).toBe(404);
    for (let count = 0; count < 60; count += 1) expect((await paas.http('full')).status).toBe(200);
    const collector = () => paas.owner.api('GET', '/metrics').then(({ body }) => String(body));
    expect(await collector()).toContain('paas_log_collector_up 1');

    rmSync(filler);
    const again = await paas.owner.api('PATCH', '/apps/full/config-vars', { WORD: 'again' });
    expect(again.status).toBe(200);
    await paas.answers('full', 'word=again');
    await eventually('new lines in the log', async () => {
      await paas.http('full', '/after-the-flood');
      const lines = await keptLines(paas.owner, 'full', 20).catch(() => []);
      return lines.join('\n').includes('/after-the-flood');
    });
    const sql = new Sqlite(join(paas.dataDir, 'paas.sqlite'), { readonly: true });
    expect(sql.pragma('integrity_check', { simple: true })).toBe('ok');
    expect(sql.pragma('foreign_key_check')).toEqual([]);
    sql.close();
    expect(await paas.stop()).toBe(0);
    await paas.start();
    await paas.answers('full', 'word=again');
  });

  it('starts on a full disk, where it cannot even write its process id, by freeing its ballast', async () => {
    const ballast = join(paas.dataDir, 'ballast');
    await eventually('the ballast', () => existsSync(ballast));
    await paas.stop('SIGKILL');
    fill(0);
    await paas.start();
    expect(existsSync(ballast)).toBe(false);
    await paas.answers('full', 'word=again');
    rmSync(filler);
  });
});

describe('a damaged database, or images that somebody removed', () => {
  const image = `paas-damaged-${process.pid}`;
  let paas: Paas;

  beforeAll(async () => {
    paas = await startPaas({
      PAAS_DISK_BALLAST: '0',
      PAAS_DISK_CHECK_SECONDS: '1',
      PAAS_DYNO_DISK: '20m',
    });
    await paas.owner.cli(['create', 'kept', '--no-remote']);
    await paas.owner.cli(['rollback:auto', 'off', '-a', 'kept']);
    for (const mark of ['1', '2', '3']) await deploy(paas, 'kept', makeImage(image, mark));
    await paas.answers('kept', 'word=none');
  });

  afterAll(async () => {
    await paas?.[Symbol.asyncDispose]();
    for (const mark of ['1', '2', '3'])
      execFileSync('docker', ['rmi', '-f', `${image}:${mark}`], { stdio: 'ignore' });
  });

  it('does not start with it, never starts empty, and goes on with the last backup; apps run all the while', async () => {
    const database = join(paas.dataDir, 'paas.sqlite');
    await eventually('the daily backup', () => readdirSync(join(paas.dataDir, 'backups')).length > 0);
    const made = await paas.program('admin.js', ['database:backup']).ended;
    expect(made.code, made.all).toBe(0);
    const tooEarly = await paas.program('admin.js', ['database:restore']).ended;
    expect(tooEarly.all).toMatch(/paasd runs \(pid \d+\).*stop it first/);
    await paas.stop();
    const whole = `${database}.whole`;
    copyFileSync(database, whole);
    // Root reads everything, but for this.
    const noOverride = ['setpriv', '--bounding-set', '-dac_override,-dac_read_search'];
    const damages: [string, () => void, RegExp, wrapper?: string[]][] = [
      [
        'not to be read',
        () => chmodSync(database, 0),
        /cannot be opened .*check its owner and mode/,
        noOverride,
      ],
      ['random bytes', () => overwrite(database), /is damaged .*database:restore/],
      ['an empty file', () => truncateSync(database), /is empty: .*database:restore/],
      ['no file', () => rmSync(database), /is missing: .*database:restore/],
    ];
    for (const [what, damage, text, wrapper = []] of damages) {
      damage();
      const started = await paas.program('main.js', [], '', wrapper).ended;
      expect(started.code, `${what}: ${started.all}`).toBe(1);
      expect(started.stderr).toMatch(text);
      const account = ['account:create', '--email', 'x@example.com', '--password-stdin'];
      expect((await paas.program('admin.js', account, 'some password', wrapper).ended).code).toBe(1);
      expect((await paas.http('kept')).status).toBe(200);
      for (const tail of ['-wal', '-shm']) rmSync(database + tail, { force: true });
      rmSync(database, { force: true });
      copyFileSync(whole, database);
    }
    overwrite(database);
    const restored = await paas.program('admin.js', ['database:restore']).ended;
    expect(restored.code, restored.all).toBe(0);
    expect(restored.stdout).toContain('restored ');
    await paas.start();
    expect((await paas.owner.cli(['apps'])).stdout).toContain('kept');
    expect((await paas.http('kept')).status).toBe(200);
    expect((await paas.program('admin.js', ['database:check']).ended).stdout).toContain('is whole');
  });

  it('replaces a dyno that writes more than it may, ends a one-off dyno that does, and says why', async () => {
    await paas.http('kept', '/fill');
    const fill = 'head -c 30000000 /dev/zero > /var/tmp/big; sleep 120';
    const oneOff = paas.owner.startCli(['run', '-a', 'kept', '--', 'sh', '-c', fill]);
    const log = await eventually(
      'both ends',
      async () => {
        const text = (await keptLines(paas.owner, 'kept', 200).catch(() => [])).join('\n');
        const said = (dyno: string) => new RegExp(`heroku\\[${dyno}\\]: Disk quota exceeded`).test(text);
        return said('web\\.1') && said('run\\.\\d+') && text;
      },
      60_000,
    );
    // 30 MB, or what it has written when it is looked at.
    expect(log).toMatch(
      /Disk quota exceeded -> [23]\d MB written to the dyno's own disk, the limit is 20 MB; most is in \/var\/tmp [23]\d MB/,
    );
    expect((await oneOff.ended).code).toBe(137);
    await paas.answers('kept', 'word=none');
    const doctor = await paas.owner.cli(['doctor']);
    expect(doctor.stdout).toMatch(/ok {4}biggest: images of kept/);
  });

  it('says which release cannot be gone back to, and why; the current one goes on', async () => {
    expect(await versions(paas, 'kept')).toEqual(
      ['v1', 'v2', 'v3', 'v4'].map((version) => `${version} succeeded`),
    );
    docker('rmi', '-f', imageId('2'));
    const refused = await paas.owner.cli(['rollback', 'v3', '-a', 'kept']);
    expect(refused.code).toBe(1);
    expect(refused.all).toMatch(/Cannot roll back to v3: its image was removed from the server/);
    expect(refused.all).toContain('paas rollback v2');
    expect((await paas.owner.cli(['releases', '-a', 'kept'])).stdout).toMatch(/v3 .*release expired/);
    expect((await paas.http('kept')).status).toBe(200);
  });

  it('says so when the image of the current release is gone, waits, and can go back', async () => {
    await paas.stop();
    const current = imageId('3');
    for (const id of docker('ps', '-aq', '--filter', `label=paas.instance=${paas.instance}`).split('\n')) {
      docker('rm', '-f', id);
    }
    docker('rmi', '-f', current);
    await paas.start();
    await eventually('the state', async () =>
      /web\.1.*crashed/.test((await paas.owner.cli(['ps', '-a', 'kept'])).stdout),
    );
    const log = await eventually('the line', async () => {
      const text = (await keptLines(paas.owner, 'kept', 100).catch(() => [])).join('\n');
      return text.includes('Could not start') && text;
    });
    expect(log).toMatch(
      /Could not start: The image of v4 is gone from the server. Deploy again, or go back with: paas rollback/,
    );
    expect((await versions(paas, 'kept')).at(-1)).toBe('v4 succeeded');
    const back = await paas.owner.cli(['rollback', 'v2', '-a', 'kept']);
    expect(back.code, back.all).toBe(0);
    await paas.answers('kept', 'word=none');
  });

  const imageId = (mark: string) => docker('image', 'inspect', '-f', '{{.Id}}', `${image}:${mark}`);
});

/** Random bytes in the middle, as a bad disk leaves them; what the journal holds goes too. */
function overwrite(path: string): void {
  for (const tail of ['-wal', '-shm']) if (existsSync(path + tail)) rmSync(path + tail);
  const noise = Buffer.alloc(64 * 1024, 'not a page of a database');
  const file = openSync(path, 'r+');
  writeSync(file, noise, 0, noise.length, 4096);
  closeSync(file);
}
