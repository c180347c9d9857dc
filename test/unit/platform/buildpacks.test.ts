import { describe, expect, it } from 'vitest';
import { getApp } from '../../../src/platform/apps.js';
import { checkBuildpack, setBuildpacks } from '../../../src/platform/buildpacks.js';
import { listReleases, setReleaseStatus } from '../../../src/platform/releases.js';
import { addApp, deploy, openTestDatabase } from '../../support/test-database.js';

const invalid = (message: RegExp) =>
  expect.objectContaining({ id: 'invalid_params', status: 422, message: expect.stringMatching(message) });

describe('a buildpack', () => {
  it.each([
    ['nodejs', 'nodejs'],
    ['heroku/python', 'python'],
    ['paas/go', 'go'],
    ['https://git.example.com/owner/pack', 'https://git.example.com/owner/pack'],
    ['https://git.example.com:8443/owner/pack.git#v1.2', 'https://git.example.com:8443/owner/pack.git#v1.2'],
    ['https://git.example.com/o/p#feature/x', 'https://git.example.com/o/p#feature/x'],
  ])('may be %s', (text, expected) => {
    expect(checkBuildpack(text)).toBe(expected);
  });

  it.each([
    '',
    'ruby',
    'heroku/ruby',
    'ext::sh -c id',
    '--upload-pack=x',
    '-x',
    'file:///etc',
    'git@h:x',
    'ssh://h/x',
    'git://h/x',
    'http://127.0.0.1/x',
    'ftp://h/x',
    'https://h/x#--branch',
    'https://h/x#-b',
    'https://h/x#$(id)',
    'https://h/x#../x',
    'https://h/x#a;id',
    'https://h/../x',
    'https://user:secret@h/x',
    'https://h',
    'https:///x',
    'https://h/x y',
    'https://h/x\n',
    'https://h/x#a\n',
    'nodejs\n',
    'https://h/$(id)',
    'https://h/x?y=z',
    'https://-h/x',
    `https://h/${'x'.repeat(500)}`,
    '__proto__',
    'constructor',
  ])('may not be %j', (text) => {
    expect(() => checkBuildpack(text)).toThrow(invalid(/neither a known name nor an https URL/));
  });
});

it('keeps the list in its order, and clears it', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  expect(setBuildpacks(test.db, { app, by, buildpacks: ['python', 'heroku/nodejs'] }).buildpacks).toEqual([
    'python',
    'nodejs',
  ]);
  expect(getApp(test.db, app.id)?.buildpacks).toEqual(['python', 'nodejs']);
  expect(setBuildpacks(test.db, { app, by, buildpacks: [] }).buildpacks).toEqual([]);
});

it('records a change as a release of the same code, which runs no release command', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  const before = deploy(test.db, { app, by, digit: '1', processTypes: { web: 'x', release: 'y' } });
  setReleaseStatus(test.db, { releaseId: before.id, status: 'succeeded' });
  setBuildpacks(test.db, { app, by, buildpacks: ['go'] });
  setBuildpacks(test.db, { app, by, buildpacks: ['go'] });
  const [release, ...others] = listReleases(test.db, app.id);
  expect(release).toMatchObject({
    version: 3,
    description: 'Set buildpacks to go',
    status: 'succeeded',
    image: before.image,
    processTypes: before.processTypes,
  });
  expect(others).toHaveLength(2);
});

it('refuses a list with a repetition, or of more than 20', () => {
  using test = openTestDatabase();
  const { app, by } = addApp(test.db);
  expect(() => setBuildpacks(test.db, { app, by, buildpacks: ['nodejs', 'heroku/nodejs'] })).toThrow(
    invalid(/twice/),
  );
  const many = Array.from({ length: 21 }, (_, n) => `https://git.example.com/pack${n}`);
  expect(() => setBuildpacks(test.db, { app, by, buildpacks: many })).toThrow(invalid(/at most 20/));
});
