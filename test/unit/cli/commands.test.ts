import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { catalog } from '../../../src/cli/commands.js';
import { VERSION } from '../../../src/cli/session.js';

const project = resolve(import.meta.dirname, '../../..');

it('lists every file of commands/ under its path', () => {
  const files = readdirSync(join(project, 'src/cli/commands'), { recursive: true, encoding: 'utf8' });
  const names = files
    .filter((file) => file.endsWith('.ts'))
    .map((file) => file.replace(/(\/index)?\.ts$/, '').replaceAll('/', ':'));
  expect(catalog.names()).toEqual(names.sort());
});

it('loads each command under its name, with help that is fit to print', async () => {
  for (const name of catalog.names()) {
    const found = await catalog.find(name);
    expect(found?.name).toBe(name);
    expect(found?.command.summary, name).toMatch(/^[a-z].*[^.]$/);
    expect(found?.command.example, name).toMatch(/paas /);
    const shorts = Object.values(found?.command.flags ?? {}).flatMap((flag) => flag.short ?? []);
    expect(new Set([...shorts, 'h']).size, name).toBe(shorts.length + 1);
  }
});

it('finds a command for every alias, and none for other names', async () => {
  for (const name of catalog.typable()) expect(await catalog.find(name), name).toBeDefined();
  for (const name of ['', 'constructor', '__proto__', 'ps:', '../main'])
    expect(await catalog.find(name)).toBeUndefined();
});

it('has the version of the package', () => {
  expect(JSON.parse(readFileSync(join(project, 'package.json'), 'utf8')).version).toBe(VERSION);
});
