import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BuildpackLab, type BuildResult } from '../support/buildpack-lab.js';

const lab = new BuildpackLab();
afterAll(() => lab.close(), 300_000);

interface Example {
  readonly app: string;
  readonly buildpack: string;
  /** Default `web` command; undefined when the buildpack gives none. */
  readonly web: string | undefined;
  readonly cold: readonly RegExp[];
  readonly warm: readonly RegExp[];
  readonly command: string;
  readonly path: string;
  readonly answer: RegExp;
}

const examples: readonly Example[] = [
  {
    app: 'node-express',
    buildpack: 'nodejs',
    web: 'npm start',
    cold: [
      /-----> Node\.js app detected/,
      /Downloading Node\.js 24\./,
      /npm ci/,
      /Wrote built\.json with Node\.js v24/,
      /Pruning devDependencies/,
    ],
    warm: [/Using Node\.js 24\.[\d.]+ \(cached\)/, /Reusing node_modules from the cache/],
    command: 'npm start',
    path: '/built',
    answer: /"builtWith":"v24\.[\d.]+","colors":"function"/,
  },
  {
    app: 'flask-redis',
    buildpack: 'python',
    web: 'gunicorn app:app',
    cold: [
      /-----> Python app detected/,
      /-----> Using Python 3\.13\.\d+/,
      /Successfully installed .*Flask-3/,
    ],
    warm: [/Reusing the installed requirements from the cache/],
    command: 'gunicorn app:app',
    path: '/',
    answer: /Hello from Flask\. REDIS_URL is not set/,
  },
  {
    app: 'django-migrate',
    buildpack: 'python',
    web: 'gunicorn shop.wsgi',
    cold: [/Successfully installed .*Django-5/, /collectstatic --noinput/, /1 static file copied/],
    warm: [/Reusing the installed requirements from the cache/, /1 static file copied/],
    command: 'python manage.py migrate --noinput && gunicorn shop.wsgi',
    path: '/',
    answer: /Hello from Django\. The database is migrated/,
  },
  {
    app: 'go-hello',
    buildpack: 'go',
    web: 'bin/go-hello',
    cold: [
      /-----> Go app detected/,
      /go\.mod says: go 1\.24/,
      /go build -o bin\/ example\.com\/go-hello/,
      /Built: go-hello/,
    ],
    warm: [/Using the modules and compiled packages of the last build \(cached\)/],
    command: 'bin/go-hello',
    path: '/',
    answer: /Hello from Go, instance [0-9a-f-]{36}/,
  },
  {
    app: 'static-site',
    buildpack: 'static',
    web: '.paas/static/start',
    cold: [
      /-----> Static site app detected/,
      /Serving the root directory with nginx/,
      /Paths without a file lead to \/index\.html/,
    ],
    warm: [/Configuration checked/],
    command: '.paas/static/start',
    path: '/deep/link',
    answer: /Hello from a static site/,
  },
  {
    app: 'sample',
    buildpack: 'nodejs',
    web: 'npm start',
    cold: [/Node\.js app detected/, /The lockfile lists no packages/],
    warm: [/\(cached\)/],
    command: 'node server.js',
    path: '/',
    answer: /Visits to this dyno/,
  },
];

describe.each(examples)('$app', (example) => {
  it('builds, runs on the run image, and uses its cache the second time', async () => {
    const cold = await lab.build(example.app, { cache: example.app });
    expect(cold.output).toSatisfy((output: string) => example.cold.every((line) => line.test(output)));
    expect(cold.release).toMatchObject({
      buildpacks: [example.buildpack],
      default_process_types: example.web === undefined ? {} : { web: example.web },
    });

    const warm = await lab.build(example.app, {
      cache: example.app,
      changes: { 'note.txt': 'one more file' },
    });
    expect(warm.output).toSatisfy((output: string) => example.warm.every((line) => line.test(output)));
    expect(warm.exitCode).toBe(0);
    // The same digest: the second release shares the first one's layer of runtimes and packages.
    expect(warm.release?.vendor).toBe(cold.release?.vendor);

    const running = await lab.run(warm, example.command);
    expect(await (await running.get(example.path)).text()).toMatch(example.answer);
    await running.signal('SIGTERM');
    expect([0, 143]).toContain(await running.ended());
  }, 240_000);
});

describe('small Node.js apps', () => {
  const build = (app: string) => lab.build(app, { cache: 'sample' });

  it('runs each process type of procfile-multi', async () => {
    const built = await build('procfile-multi');
    const web = await lab.run(built, 'node web.js');
    expect(await (await web.get('/')).text()).toBe('Hello from web.1\n');
  });

  it('lets crasher exit with 1', async () => {
    const running = await lab.run(await build('crasher'), 'node crash.js', { CRASH_AFTER_MS: '1' });
    expect(await running.ended()).toBe(1);
    expect(await running.logs()).toContain('Crashing on purpose');
  });

  it('ends ignores-sigterm by SIGKILL only', async () => {
    const running = await lab.run(await build('ignores-sigterm'), 'node server.js');
    await running.get('/');
    await running.signal('SIGTERM');
    await expect.poll(() => running.logs(), { timeout: 60_000 }).toContain('SIGTERM? No.');
    expect(await running.isRunning()).toBe(true);
    await running.signal('SIGKILL');
    expect(await running.ended()).toBe(137);
  });

  it('does not hear never-binds on its port', async () => {
    const running = await lab.run(await build('never-binds'), 'node server.js');
    await expect.poll(() => running.logs(), { timeout: 60_000 }).toContain('Listening on 127.0.0.1:3000');
    expect(await running.listens(1000)).toBe(false);
  });
});

describe('stop signals', () => {
  let built: BuildResult;
  beforeAll(async () => {
    built = await lab.build('sample', { cache: 'sample' });
  });

  it.each(['npm start', 'node server.js', 'true && node server.js; true'])(
    'reach the server below: %s',
    async (command) => {
      const running = await lab.run(built, command);
      await running.get('/');
      await running.signal('SIGTERM');
      await running.ended();
      expect(await running.logs()).toContain('SIGTERM: finishing open requests');
    },
  );
});

describe('static sites', () => {
  it('answers 404 for absent files and for the platform files, and caches hashed names for ever', async () => {
    const running = await lab.run(
      await lab.build('static-site', { cache: 'static-site' }),
      '.paas/static/start',
    );
    expect((await running.get('/absent.js')).status).toBe(404);
    expect((await running.get('/.paas/static/nginx.conf')).status).toBe(404);
    expect((await running.get('/')).headers.get('cache-control')).toBe('no-cache');
    const hashed = await running.get('/assets/site-4f2c91ab.css');
    expect(hashed.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
  });

  it('follows static.json', async () => {
    const site = {
      'static.json': '{"root": "site/", "clean_urls": true, "error_page": "lost.html"}',
      'site/index.html': 'home',
      'site/about.html': 'about us',
      'site/lost.html': 'lost',
    };
    const running = await lab.run(await lab.build(site, { cache: 'static-site' }), '.paas/static/start');
    expect(await (await running.get('/about')).text()).toBe('about us');
    const lost = await running.get('/nowhere');
    expect([lost.status, await lost.text()]).toEqual([404, 'lost']);
  });
});

describe('config vars', () => {
  it('are given to build scripts, save those that would break the build, and are not printed', async () => {
    const app = {
      'package.json':
        '{"name":"a","version":"1.0.0","engines":{"node":"24.x"},"scripts":{"build":"node check.js","start":"node check.js"}}',
      'package-lock.json':
        '{"name":"a","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"a","version":"1.0.0","engines":{"node":"24.x"}}}}',
      'check.js':
        'console.log("length", process.env.SECRET.length, "preload", process.env.LD_PRELOAD, "path", process.env.PATH.includes("/nowhere"))',
    };
    const built = await lab.build(app, {
      cache: 'sample',
      config: { SECRET: 'canary-5f1d', PATH: '/nowhere', LD_PRELOAD: '/nowhere.so' },
    });
    expect(built.output).toContain('length 11 preload undefined path false');
    expect(built.output).not.toContain('canary-5f1d');
  });
});

describe('lists of buildpacks', () => {
  const both = {
    'index.html': 'home',
    'package.json':
      '{"name":"a","version":"1.0.0","engines":{"node":"24.x"},"scripts":{"start":"node server.js"}}',
    'package-lock.json':
      '{"name":"a","version":"1.0.0","lockfileVersion":3,"packages":{"":{"name":"a","version":"1.0.0","engines":{"node":"24.x"}}}}',
  };

  it('run all in order, the last one giving the process types', async () => {
    const built = await lab.build(both, { cache: 'sample', buildpacks: 'heroku/static nodejs' });
    expect(built.release).toMatchObject({
      buildpacks: ['static', 'nodejs'],
      default_process_types: { web: 'npm start' },
    });
    expect(built.output.indexOf('Static site app detected')).toBeLessThan(
      built.output.indexOf('Node.js app detected'),
    );
  });

  it.each([
    ['nosuch', 'There is no buildpack named nosuch.'],
    ['../../etc', 'There is no buildpack named ../../etc.'],
    ['http://example.com/x', 'There is no buildpack named http://example.com/x.'],
    ['https://example.com/x#--upload-pack=id', 'Not a branch, tag or commit: --upload-pack=id'],
    ['https://example.com/x;id', 'Not a buildpack URL: https://example.com/x;id'],
  ])('refuses %s', async (buildpacks, message) => {
    const built = await lab.build(both, { cache: 'static-site', buildpacks });
    expect([built.exitCode, built.output]).toEqual([11, expect.stringContaining(` !     ${message}`)]);
  });

  it('says what each buildpack looks for when none matches', async () => {
    const built = await lab.build({ 'README.md': 'nothing here' }, { cache: 'static-site' });
    expect(built.exitCode).toBe(10);
    expect(built.output).toMatch(/ ! {5}No buildpack matched.*nodejs +package\.json.*go +go\.mod/s);
  });
});

describe('what the stack does not have', () => {
  it.each([
    [
      'an old Python',
      { 'requirements.txt': '', '.python-version': '3.9\n' },
      '.python-version asks for Python 3.9, which this stack does not have.',
    ],
    ['a Pipfile only', { Pipfile: '' }, 'Pipfile is not supported.'],
    [
      'an impossible Node.js',
      { 'package.json': '{"engines":{"node":"99.x"}}' },
      'No version of Node.js matches engines.node "99.x".',
    ],
    ['a broken package.json', { 'package.json': '{,}' }, 'package.json is not a valid JSON object.'],
    [
      'a package that is not there',
      { 'requirements.txt': 'no-such-package-5f1d==1.0\n' },
      'pip could not install the requirements.',
    ],
    [
      'a Go module without a program',
      { 'go.mod': 'module example.com/a\n\ngo 1.24\n', 'a.go': 'package a\n' },
      'There is no program (package main) in example.com/a.',
    ],
    [
      'a way out of static.json',
      { 'static.json': '{"root": "../etc"}' },
      'static.json: root must be a path inside the app',
    ],
  ])('explains %s', async (_what, source, message) => {
    const built = await lab.build(source, { cache: 'errors' });
    expect(built.output).toContain(` !     ${message}`);
    expect(built.exitCode).toBe(1);
  });
});
