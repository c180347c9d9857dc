import { describe, expect, it } from 'vitest';
import { placeBuildpack, withoutBuildpack } from '../../../src/cli/buildpacks.js';
import { formatConfigLines, parseAssignments, parseConfigLines } from '../../../src/cli/config-lines.js';
import { parseHost } from '../../../src/cli/credentials.js';
import { parseDynoTarget } from '../../../src/cli/dyno-target.js';
import { parseScale } from '../../../src/cli/formation.js';
import { parseRemoteUrl } from '../../../src/cli/git-remotes.js';
import { removeNetrcEntry, setNetrcEntry } from '../../../src/cli/netrc.js';
import { commandOf, parseEnv } from '../../../src/cli/one-off.js';

describe('ps:scale', () => {
  it.each([
    ['web=3', { type: 'web', quantity: '3' }],
    ['worker+1', { type: 'worker', quantity: '+1' }],
    ['a-b-1', { type: 'a-b', quantity: '-1' }],
    ['web=2:Standard-2X', { type: 'web', quantity: '2', size: 'Standard-2X' }],
  ])('%s', (arg, update) => {
    expect(parseScale([arg])).toEqual([update]);
  });
  it.each(['web', '3', 'web=', 'web=x', 'web:3', 'web=1:', '=1'])('refuses %j', (arg) => {
    expect(() => parseScale(['ok=1', arg])).toThrow('is not of the form TYPE=QTY');
  });
});

it.each([
  [{}, { kind: 'all' }],
  [{ argument: 'web.1' }, { kind: 'dyno', name: 'web.1' }],
  [{ type: 'web' }, { kind: 'type', type: 'web' }],
  [{ type: 'web.2' }, { kind: 'dyno', name: 'web.2' }],
])('dynos named by %j', (given, target) => {
  expect(parseDynoTarget({ argument: undefined, dyno: undefined, type: undefined, ...given })).toEqual(
    target,
  );
});

describe('config vars', () => {
  it('reads back what it wrote', () => {
    const config = { A: "it's", B: 'two\nlines # no comment', C: '', D: '$HOME "q" \\', E_1: '=' };
    expect(parseConfigLines(formatConfigLines(config))).toEqual(config);
  });
  it('reads what people write', () => {
    const text = '# comment\n\nexport A=bare\r\n  B="a \\"q\\" $X"\nC=x\'y\'z   \nD=\n__proto__=p';
    expect(Object.entries(parseConfigLines(text.replace('\r', '')))).toEqual([
      ['A', 'bare'],
      ['B', 'a "q" $X'],
      ['C', 'xyz'],
      ['D', ''],
      ['__proto__', 'p'],
    ]);
  });
  it.each(['A', 'A=two words', "A='open", '1A=x', 'A=x\nB'])('refuses %j', (text) => {
    expect(() => parseConfigLines(text)).toThrow(/^Line \d/);
  });
  it('splits assignments at the first =', () => {
    expect(parseAssignments(['A=b=c', 'E='])).toEqual({ A: 'b=c', E: '' });
    expect(() => parseAssignments(['FOO'])).toThrow('FOO is invalid. Must be in the format FOO=bar.');
    expect(() => parseAssignments(['=x'])).toThrow('is invalid');
  });
});

describe('one-off dynos', () => {
  it('splits -e', () => {
    expect(parseEnv(['A=1;B=x=y', 'C=a;b'])).toEqual({ A: '1', B: 'x=y', C: 'a;b' });
    expect(() => parseEnv(['A'])).toThrow('is not of the form KEY=VALUE');
  });
  it('leaves one argument to the shell and keeps several apart', () => {
    expect(commandOf(['echo $A'])).toBe('echo $A');
    expect(commandOf(['echo', '$A'])).toEqual(['echo', '$A']);
  });
});

describe('addresses', () => {
  it.each([
    ['localhost:8080', 'http://localhost:8080'],
    ['HTTPS://Paas.Example.com/', 'https://paas.example.com'],
    ['http://[::1]:8080', 'http://[::1]:8080'],
  ])('%s', (text, host) => {
    expect(parseHost(text)).toBe(host);
  });
  it.each(['', 'ftp://x', 'http://u:p@x', 'http://x/path', 'http://'])('refuses %j', (text) => {
    expect(() => parseHost(text)).toThrow('is not the address of a paas server');
  });
  it.each([
    ['http://localhost:8080/example.git', { host: 'http://localhost:8080', app: 'example' }],
    ['https://u:p@paas.example.com/my-app.git', { host: 'https://paas.example.com', app: 'my-app' }],
    ['git@github.com:me/example.git', undefined],
    ['https://github.com/me/example.git', undefined],
  ])('remote %s', (url, parsed) => {
    expect(parseRemoteUrl(url)).toEqual(parsed);
  });
});

describe('.netrc', () => {
  const ours = { machine: 'localhost', login: 'a@b.c', password: 't' };
  const entry = 'machine localhost\n  login a@b.c\n  password t\n';
  it.each([
    ['', entry],
    ['machine x login a password b', `machine x login a password b\n${entry}`],
    [`${entry}machine x\n  login a\n`, `machine x\n  login a\n${entry}`],
    ['machine localhost login old\n# about x\nmachine x\n', `# about x\nmachine x\n${entry}`],
    ['default login any password any\n', `${entry}default login any password any\n`],
    ['macdef init\ncd /\n\nmachine x login a\n', `macdef init\ncd /\n\nmachine x login a\n${entry}`],
  ])('sets the entry in %j', (before, after) => {
    expect(setNetrcEntry(before, ours)).toBe(after);
    expect(setNetrcEntry(after, ours)).toBe(after);
  });
  it('removes only the entry of that machine', () => {
    expect(removeNetrcEntry(`machine localhost.example.com login x\n${entry}`, 'localhost')).toBe(
      'machine localhost.example.com login x\n',
    );
  });
});

describe('buildpacks', () => {
  it('places and removes', () => {
    expect(placeBuildpack(['a', 'b'], { buildpack: 'c', index: 1, replaces: true })).toEqual(['c', 'b']);
    expect(placeBuildpack(['a', 'b'], { buildpack: 'c', index: 1, replaces: false })).toEqual([
      'c',
      'a',
      'b',
    ]);
    expect(placeBuildpack(['a'], { buildpack: 'c', index: undefined, replaces: false })).toEqual(['a', 'c']);
    expect(() => placeBuildpack(['a'], { buildpack: 'a', index: undefined, replaces: false })).toThrow(
      'already set',
    );
    expect(withoutBuildpack(['heroku/nodejs', 'b'], { buildpack: 'nodejs', index: undefined })).toEqual([
      'b',
    ]);
    expect(withoutBuildpack(['a', 'b'], { buildpack: undefined, index: 2 })).toEqual(['a']);
    expect(() => withoutBuildpack(['a'], { buildpack: undefined, index: 2 })).toThrow(
      'There is no buildpack 2',
    );
  });
});
