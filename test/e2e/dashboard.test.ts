// The dashboard in a real browser on the running product. PAAS_SHOTS=DIR keeps screenshots.

import { join } from 'node:path';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { type Paas, type Repository, startPaas } from '../support/paas.js';
import { patience } from '../support/patience.js';
import { tickProblems, ticksOf } from '../support/ticks.js';

const APP = 'shown';
const WAIT = { timeout: 60_000 };
let paas: Paas;
let browser: Browser;
let repository: Repository;
let page: Page;

beforeAll(async () => {
  paas = await startPaas();
  const dashboard = await fetch(`${paas.url}/`);
  expect(dashboard.status, 'the dashboard is made by `npm run build`').toBe(200);
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  });
  await paas.owner.cli(['create', APP, '--no-remote']);
  repository = await paas.owner.repository(APP, { fixture: 'talker' });
  const pushed = await repository.push();
  expect(pushed.code, pushed.all).toBe(0);
  page = await openPage();
});

afterAll(async () => {
  await browser?.close();
  await paas?.[Symbol.asyncDispose]();
});

async function openPage(options: BrowserContextOptions = {}): Promise<Page> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const opened = await context.newPage();
  opened.setDefaultTimeout(WAIT.timeout);
  return opened;
}

async function signIn(on: Page, password = paas.owner.password): Promise<void> {
  await on.goto(`${paas.url}/`);
  await on.getByLabel('Email').fill(paas.owner.email);
  await on.getByLabel('Password').fill(password);
  await on.getByRole('button', { name: 'Sign in' }).click();
}

async function shoot(on: Page, name: string): Promise<void> {
  const dir = process.env['PAAS_SHOTS'];
  if (dir) await on.screenshot({ path: join(dir, `${name}.png`) });
}

async function openTab(tab: string): Promise<void> {
  await page.goto(`${paas.url}/dashboard/apps/${APP}${tab === 'overview' ? '' : `/${tab}`}`);
  await page.getByRole('heading', { level: 1, name: APP }).waitFor();
}

/** The text of every line that the page has, read by scrolling from the first to the last; it must be paused. */
async function readLines(): Promise<string> {
  return await page.evaluate(`(async () => {
    const box = document.querySelector('[data-testid=log-lines]');
    const seen = new Map();
    const drawn = () => new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve, 50)));
    for (let top = 0; ; top += box.clientHeight - 40) {
      box.scrollTop = top;
      await drawn();
      for (const row of box.querySelectorAll('[data-testid=log-line]'))
        seen.set(Number(row.dataset.id), row.querySelector('.log-text').textContent);
      if (top >= box.scrollHeight - box.clientHeight) break;
    }
    return [...seen].sort((a, b) => a[0] - b[0]).map((entry) => entry[1]).join('\\n');
  })()`);
}

/** The launch and number of the newest tick in sight. */
async function newestTick(): Promise<{ launch: string; number: number } | undefined> {
  const text: string = await page.evaluate(
    `[...document.querySelectorAll('[data-testid=log-line] .log-text')].map((e) => e.textContent).join('\\n')`,
  );
  const [launch, numbers] = [...ticksOf(text)].at(-1) ?? [];
  const number = numbers?.at(-1);
  return launch === undefined || number === undefined ? undefined : { launch, number };
}

async function shownCount(): Promise<number> {
  const text = (await page.getByTestId('log-count').textContent()) ?? '';
  return Number(text.replace(/\D/g, ''));
}

describe('the dashboard', () => {
  it('says so when the password is wrong', async () => {
    await signIn(page, 'wrong');
    const alert = page.getByRole('alert');
    await alert.waitFor();
    expect(await alert.textContent()).toMatch(/password/i);
    await shoot(page, 'wrong-password');
  });

  it('signs in and lists the apps', async () => {
    await signIn(page);
    const row = page.getByTestId(`app-row-${APP}`);
    await row.waitFor();
    await expect.poll(() => row.textContent(), WAIT).toMatch(/v2/);
    await shoot(page, 'apps');
    await row.click();
    await page.getByTestId('dyno-web.1').waitFor();
    expect(await page.getByTestId('dyno-web.1').getAttribute('data-state')).toBe('up');
    expect(page.url()).toBe(`${paas.url}/dashboard/apps/${APP}`);
    await shoot(page, 'overview');
  });

  it('scales', async () => {
    await openTab('overview');
    await page.getByRole('button', { name: 'One web dyno more' }).click();
    await page.getByRole('button', { name: 'Scale web from 1 to 2' }).click();
    await page.locator('[data-testid="dyno-web.2"][data-state=up]').waitFor();
    await page.getByRole('button', { name: 'One web dyno less' }).click();
    await page.getByRole('button', { name: 'Scale web from 2 to 1' }).click();
    await page.getByTestId('dyno-web.2').waitFor({ state: 'detached' });
  });

  it('says why a dyno is as it is, of a one-off while it runs and when it has ended', async () => {
    const started = await paas.owner.cli(['run:detached', '-a', APP, '--', 'echo hello; sleep 12; exit 3']);
    const name = /run\.\d+/.exec(started.stdout + started.stderr)?.[0] ?? expect.unreachable();
    await openTab('overview');
    await page.getByTestId(`dyno-${name}`).getByRole('link', { name }).click();
    const state = page.getByTestId('why-state');
    await expect.poll(() => state.textContent(), WAIT).toBe('ended');
    expect(page.url()).toBe(`${paas.url}/dashboard/apps/${APP}/dynos/${name}`);
    expect(await page.getByTestId('why-cause').textContent()).toMatch(/^Its process exited with 3/);
    expect(await page.getByTestId('why-evidence').textContent()).toContain('echo hello');
    expect(await page.getByTestId('why-lines').textContent()).toContain(`app[${name}]: hello`);
    await shoot(page, 'why-one-off');
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    await page.getByTestId('dyno-web.1').getByRole('link', { name: 'web.1' }).click();
    await expect.poll(() => state.textContent(), WAIT).toBe('up');
    await page.goto(`${paas.url}/dashboard/apps/${APP}/dynos/run.1`);
    await page.getByText(/Nothing is known of the one-off dyno run\.1 /).waitFor();
  });

  it('masks config vars until asked, and saves several as one release', async () => {
    await paas.owner.cli(['config:set', 'SECRET=hidden-value', '-a', APP]);
    await openTab('config');
    await page.getByTestId('config-SECRET').waitFor();
    expect(await page.content()).not.toContain('hidden-value');
    await page.getByRole('button', { name: 'Reveal SECRET' }).click();
    expect(await page.getByTestId('value-SECRET').textContent()).toBe('hidden-value');
    for (const [key, value] of [
      ['COLOR', 'green'],
      ['OTHER', 'two'],
    ] as const) {
      await page.getByLabel('New key').fill(key);
      await page.getByLabel('New value').fill(value);
      await page.getByRole('button', { name: 'Add', exact: true }).click();
    }
    await page.getByRole('button', { name: 'Remove SECRET' }).click();
    await shoot(page, 'config-draft');
    await page.getByRole('button', { name: 'Save as one release' }).click();
    await page.getByText('Saved 3 changes as one release').waitFor();
    const config = JSON.parse((await paas.owner.cli(['config', '--json', '-a', APP])).stdout);
    expect(config).toEqual({ COLOR: 'green', OTHER: 'two' });
    const releases = JSON.parse((await paas.owner.cli(['releases', '--json', '-a', APP])).stdout);
    expect(releases[0].version).toBe(4);
    await paas.answers(APP, 'color=green');
  });

  it('rolls back', async () => {
    await openTab('releases');
    await page.getByRole('button', { name: 'Roll back to v2' }).click();
    const dialog = page.getByTestId('rollback-dialog');
    await page.getByTestId('rollback-config').getByText('COLOR').waitFor();
    await shoot(page, 'rollback');
    await dialog.getByRole('button', { name: 'Roll back to v2' }).click();
    await page.getByTestId('release-v5').waitFor();
    await paas.answers(APP, 'color= ');
  });

  it('reads the output of a build that has ended once', async () => {
    await openTab('releases');
    const outputs: string[] = [];
    const builds: string[] = [];
    const note = (request: { url(): string }) => {
      const { pathname } = new URL(request.url());
      if (pathname.endsWith('/output')) outputs.push(pathname);
      else if (/\/apps\/[^/]+\/builds\/[^/]+$/.test(pathname)) builds.push(pathname);
    };
    page.on('request', note);
    await page.getByTestId('release-v2').getByRole('link').first().click();
    await page.getByTestId('output-state').getByText('End of the output.').waitFor();
    await expect.poll(() => builds.length, WAIT).toBeGreaterThan(3);
    expect(outputs).toHaveLength(1);
    page.off('request', note);
  });

  it('says so when nobody could be signed out', async () => {
    await page.route('**/login', (route) => route.abort());
    await page.getByRole('button', { name: 'Sign out' }).click();
    await page.getByText('You are still signed in').waitFor();
    await page.unroute('**/login');
    await openTab('overview');
  });

  it('tails the log through a deploy and restarts of paasd', async () => {
    await paas.owner.cli(['config:set', 'TICK_MS=50', '-a', APP]);
    await openTab('logs');
    await page.locator('[data-testid=log-state][data-state=live]').waitFor();
    await page.getByLabel('Filter by process or source').selectOption('source:app');
    const first = await eventually('ticks in the page', newestTick, 60_000);
    await repository.commit({ word: 'again' });
    const pushed = await repository.push();
    expect(pushed.code, pushed.all).toBe(0);
    const isOther = async () => ((await newestTick())?.launch ?? first.launch) !== first.launch;
    await eventually('ticks of the new release', isOther, 60_000);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      await paas.stop(signal);
      const at = (await newestTick())?.number ?? 0;
      await paas.start();
      await eventually(
        `ticks after ${signal}`,
        async () => ((await newestTick())?.number ?? 0) > at + 40,
        60_000,
      );
    }
    await shoot(page, 'logs');
    await page.getByRole('button', { name: 'Pause' }).click();
    await page.getByRole('button', { name: 'Resume' }).waitFor();
    const lines = await readLines();
    expect(tickProblems(lines)).toEqual([]);
    expect(ticksOf(lines).size).toBeGreaterThan(1);
  });

  it('pauses and filters', async () => {
    const before = await shownCount();
    await page
      .getByTestId('log-held')
      .getByText(/[1-9]\d* new line/)
      .waitFor();
    expect(await shownCount()).toBe(before);
    await page.getByRole('button', { name: 'Resume' }).click();
    await expect.poll(shownCount, WAIT).toBeGreaterThan(before);
    await page.getByLabel('Filter by text').fill('talker again');
    await expect.poll(shownCount, WAIT).toBe(1);
    await page.getByLabel('Filter by text').fill('');
  });

  it('stays responsive at 1,000 lines a second', async () => {
    await paas.owner.cli(['config:unset', 'TICK_MS', '-a', APP]);
    await paas.owner.cli(['ps:wait', '-a', APP]);
    await openTab('logs');
    await page.locator('[data-testid=log-state][data-state=live]').waitFor();
    await page.evaluate(`(() => {
      window.gaps = []; let last = performance.now();
      const frame = (now) => { window.gaps.push(now - last); last = now; requestAnimationFrame(frame); };
      requestAnimationFrame(frame);
    })()`);
    await paas.http(APP, '/burst?lines=5000&seconds=5');
    await page.getByText(/burst \w+ 5000$/).waitFor();
    const gaps: number[] = await page.evaluate('window.gaps.slice(1)');
    const late = gaps.filter((gap) => gap > 250).length;
    expect({ worst: Math.max(...gaps) < patience(1500), late: late / gaps.length < patience(0.05) }).toEqual({
      worst: true,
      late: true,
    });
    expect(await shownCount()).toBeGreaterThanOrEqual(5000);
    expect(await page.getByTestId('log-line').count()).toBeLessThan(400);
    await shoot(page, 'burst');
  });

  it('signs in with the keyboard alone', async () => {
    const keyboard = await openPage({ colorScheme: 'dark' });
    await keyboard.goto(`${paas.url}/`);
    await keyboard.getByLabel('Email').waitFor();
    const focused = () => keyboard.evaluate('document.activeElement.autocomplete');
    for (let tabs = 0; (await focused()) !== 'username' && tabs < 5; tabs += 1)
      await keyboard.keyboard.press('Tab');
    await keyboard.keyboard.type(paas.owner.email);
    await keyboard.keyboard.press('Tab');
    await keyboard.keyboard.type(paas.owner.password);
    await keyboard.keyboard.press('Enter');
    await keyboard.getByTestId(`app-row-${APP}`).waitFor();
    const [red = 255, green = 255, blue = 255] =
      ((await keyboard.evaluate('getComputedStyle(document.body).backgroundColor')) as string)
        .match(/\d+/g)
        ?.map(Number) ?? [];
    expect(red + green + blue).toBeLessThan(200);
    await shoot(keyboard, 'dark');
    await keyboard.context().close();
  });

  it('fits a phone', async () => {
    const phone = await openPage({ viewport: { width: 360, height: 740 }, hasTouch: true });
    await signIn(phone);
    await phone.getByTestId(`app-row-${APP}`).waitFor();
    for (const tab of ['', '/logs', '/releases', '/config', '/domains', '/settings']) {
      await phone.goto(`${paas.url}/dashboard/apps/${APP}${tab}`);
      await phone.getByRole('heading', { level: 1, name: APP }).waitFor();
      await phone.getByRole('navigation', { name: `Pages of ${APP}` }).waitFor();
      const overflow = await phone.evaluate('document.documentElement.scrollWidth - innerWidth');
      expect({ tab, overflow }).toEqual({ tab, overflow: 0 });
      await shoot(phone, `phone${tab.replace('/', '-')}`);
    }
    await phone.context().close();
  });
});
