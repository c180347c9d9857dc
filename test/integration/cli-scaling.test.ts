import { afterAll, beforeAll, expect, test } from 'vitest';
import { createApp } from '../../src/platform/apps.js';
import { setAutoscale } from '../../src/platform/autoscale.js';
import { fallAsleep } from '../../src/platform/autosleep.js';
import { setChecks } from '../../src/platform/checks.js';
import { createToken } from '../../src/platform/tokens.js';
import { startTestServer, type TestServer } from '../support/api-server.js';
import { type CompiledCli, openCli } from '../support/run-cli.js';
import { deploy } from '../support/test-database.js';

let cli: CompiledCli;
let server: TestServer;
let env: Record<string, string>;
const paas = (...args: string[]) => cli.run(args, { env });
const api = async (method: string, path: string, body?: object) => {
  const response = await fetch(`${env['PAAS_HOST']}/apps/example/formation${path}`, {
    method,
    headers: { authorization: `Bearer ${env['PAAS_TOKEN']}`, 'content-type': 'application/json' },
    ...(body && { body: JSON.stringify(body) }),
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
};

beforeAll(async () => {
  cli = await openCli();
  server = await startTestServer();
  const { account, token } = await server.addAccount('ada@example.com');
  env = { PAAS_HOST: await server.listen(), PAAS_TOKEN: token, PAAS_APP: 'example' };
  const app = createApp(server.db, { name: 'example', owner: account });
  deploy(server.db, { app, by: account, digit: 'a', processTypes: { web: 's', worker: 'w' } });
});
afterAll(async () => {
  await cli[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

test('ps:autosleep sets, shows and switches off', async () => {
  expect((await paas('ps:autosleep')).stdout).toBe('web: off\n');
  expect((await paas('ps:autosleep', 'web', '--after', '1h30m')).stderr).toBe(
    'Setting autosleep on example... done\n',
  );
  expect((await paas('ps:autosleep')).stdout).toBe('web: after 1h30m without a request (awake)\n');
  const json = JSON.parse((await paas('ps:autosleep', '--json')).stdout);
  expect(json).toMatchObject({ type: 'web', enabled: true, after_seconds: 5400, asleep_since: null });
  fallAsleep(server.db, json.app.id);
  expect((await paas('ps:autosleep')).stdout).toMatch(/^web: after 1h30m without a request \(idle /);
  expect((await api('GET', '/web')).body['autosleep']).toMatchObject({ after_seconds: 5400 });
  expect((await paas('ps:autosleep', '--off')).code).toBe(0);
  expect((await paas('ps:autosleep')).stdout).toBe('web: off\n');
  expect(server.written.map(({ text }) => text)).toContain(
    'Switch off autosleep of web by user ada@example.com',
  );
});

test('ps:autoscale sets, changes, shows and switches off', async () => {
  const set = await paas('ps:autoscale', 'web', '--min', '2', '--max', '5', '--p95', '1.5s');
  expect(set.stderr).toBe('Setting autoscale of web on example... done, 2 to 5 dynos, p95 1.5s\n');
  expect((await paas('ps:autoscale', 'worker', '--max', '3', '--cpu', '70%')).code).toBe(0);
  expect((await paas('ps:autoscale', '--max', '6')).code).toBe(0);
  expect((await paas('ps:autoscale')).stdout).toBe(
    'type    qty  autoscale\nweb     1    2 to 6 dynos, p95 1.5s\nworker  0    1 to 3 dynos, cpu 70%\n',
  );
  expect(JSON.parse((await paas('ps:autoscale', 'web', '--json')).stdout)).toEqual([
    { type: 'web', quantity: 1, autoscale: { min: 2, max: 6, metric: 'p95', target: 1500 } },
  ]);
  expect((await paas('ps:scale', 'web=4')).stderr).toBe('Scaling dynos... done, now running web at 4:512M\n');
  expect((await paas('ps:scale', 'web=7')).stderr).toContain(
    'Autoscale of web is off now: this is outside of its bounds.',
  );
  expect((await api('GET', '/web/autoscale')).body).toMatchObject({
    enabled: false,
    min: null,
    metric: null,
  });
  expect(server.written.map(({ text }) => text)).toContain(
    'Autoscale of web is off: scaled outside of 2 to 6 by user ada@example.com',
  );
  expect((await paas('ps:autoscale', 'worker', '--off')).code).toBe(0);
  expect((await paas('ps:autoscale', 'worker')).stdout).toContain('off');
});

test('what is set for a type that is no more can be taken away', async () => {
  const { account } = await server.addAccount('eve@example.com');
  const app = createApp(server.db, { name: 'shrunk', owner: account });
  deploy(server.db, { app, by: account, digit: 'b', processTypes: { web: 's', old: 'o' } });
  setAutoscale(server.db, { app, type: 'old', min: 1, max: 2, metric: 'cpu', target: 50 });
  setChecks(server.db, { app, type: 'old', settings: { command: 'x' } });
  deploy(server.db, { app, by: account, digit: 'c', processTypes: { web: 's' } });
  const { secret } = createToken(server.db, { accountId: account.id, description: 'test' });
  const run = (...args: string[]) =>
    cli.run([...args, '--app', 'shrunk'], { env: { ...env, PAAS_TOKEN: secret } });
  expect((await run('ps:autoscale', 'old')).stdout).toContain('1 to 2 dynos, cpu 50%');
  for (const args of [
    ['ps:autoscale', 'old', '--off'],
    ['checks:unset', 'old'],
  ]) {
    expect([args, (await run(...args)).code]).toEqual([args, 0]);
    const again = await run(...args);
    expect(again.stderr).toContain('shrunk has no process type "old". It has: web.');
    expect(again.code).toBe(1);
  }
});

test.each([
  { args: ['ps:autosleep', '--after', 'soon'], code: 2, says: 'must be a time such as 30m' },
  { args: ['ps:autosleep', '--after', '1m', '--off'], code: 2, says: 'exclude each other' },
  { args: ['ps:autosleep', 'worker', '--after', '1m'], code: 1, says: 'Only web gets requests' },
  { args: ['ps:autosleep', '--after', '0s'], code: 1, says: 'after 1 second to 30 days' },
  {
    args: ['ps:autoscale', '--p95', '1s', '--cpu', '5'],
    code: 2,
    says: '--p95 and --cpu exclude each other',
  },
  { args: ['ps:autoscale', '--cpu', 'much'], code: 2, says: '--cpu must be a number' },
  {
    args: ['ps:autoscale', 'worker', '--max', '5'],
    code: 1,
    says: 'needs a maximum, and a metric with its target',
  },
  { args: ['ps:autoscale', '--max', '5', '--off'], code: 2, says: '--off stands alone' },
  { args: ['ps:autoscale', 'worker', '--max', '5', '--rps', '9'], code: 1, says: 'Only web gets requests' },
  ...[
    ['ps:autoscale', 'wokrer'],
    ['ps:autoscale', 'wokrer', '--json'],
    ['ps:autoscale', 'wokrer', '--off'],
    ['ps:autoscale', 'wokrer', '--max', '5'],
    ['ps:autoscale', 'wokrer', '--max', '5', '--cpu', '9'],
    ['ps:autosleep', 'wokrer'],
    ['ps:autosleep', 'wokrer', '--off'],
    ['ps:autosleep', 'wokrer', '--after', '1m'],
    ['checks:set', 'wokrer', '--listening'],
    ['checks:unset', 'wokrer'],
    ['ps:scale', 'wokrer=1'],
    ['ps:type', 'wokrer=1g'],
    ['ps:wait', '--type', 'wokrer'],
  ].map((args) => ({
    args,
    code: 1,
    says: 'example has no process type "wokrer". It has: web, worker.',
  })),
])('$args is refused', async ({ args, code, says }) => {
  const result = await paas(...args);
  expect(result.stderr).toContain(says);
  expect(result.code).toBe(code);
});
