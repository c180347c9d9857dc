// That the tests' own engine fails as a real one does, and is gone afterwards.

import { execFileSync } from 'node:child_process';
import { existsSync, statfsSync } from 'node:fs';
import { expect, it } from 'vitest';
import { eventually } from '../support/house.js';
import { openPrivateEngine } from '../support/private-engine.js';
import { isAlive } from '../support/processes.js';

it('keeps containers when it is killed, ends them without power, fills up, and leaves nothing', async () => {
  const engine = await openPrivateEngine({ diskBytes: 600 * 1024 ** 2 });
  try {
    const run = [
      'run',
      '-d',
      '--init',
      'paas-stack-run:13',
      'sh',
      '-c',
      'while :; do echo x; sleep .1; done',
    ];
    const id = (await engine.docker(run)).trim();
    const state = async (field: string) =>
      (await engine.docker(['inspect', '-f', `{{.State.${field}}}`, id])).trim();
    const pid = await state('Pid');
    await engine.kill9();
    await expect(engine.docker(['ps'])).rejects.toThrow();
    await engine.start();
    expect(await state('Pid')).toBe(pid);

    engine.fillDisk();
    expect(statfsSync(engine.disk).bavail).toBe(0);
    await expect(engine.docker(['create', 'paas-stack-run:13', 'true'])).rejects.toThrow('no space left');
    engine.freeDisk();
    expect(await engine.run(['ip', '-o', 'link'])).toContain('docker0');

    await engine.cutPower();
    expect(isAlive(Number(pid))).toBe(false);
    await engine.start();
    expect(await state('Status')).toBe('exited');
  } finally {
    await engine[Symbol.asyncDispose]();
  }
  expect(existsSync(engine.disk)).toBe(false);
  await eventually(
    'the disk is gone',
    () => !execFileSync('losetup', ['-a'], { encoding: 'utf8' }).includes(engine.network.name),
  );
  expect(execFileSync('ip', ['netns'], { encoding: 'utf8' })).not.toContain(engine.network.name);
});
