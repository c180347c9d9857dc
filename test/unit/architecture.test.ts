// Keeps docs/architecture.md true: which room may import which, and what no room may do.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const project = fileURLToPath(new URL('../../', import.meta.url));
const EVERYWHERE = new Set(['any-signal', 'errors', 'ids', 'log']);
const table = readTable();
const files = readdirSync(join(project, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => ({ path, code: withoutComments(readFileSync(join(project, 'src', path), 'utf8')) }));

describe('the import table', () => {
  it('names every room of src, and only rooms', () => {
    const rooms = new Set(files.map((file) => roomOf(file.path)).filter((room) => !EVERYWHERE.has(room)));
    expect([...rooms].filter((room) => !table.has(room))).toEqual([]);
    const named = [...table.values()].flatMap((allowed) => [...allowed]);
    expect(named.filter((room) => !table.has(room))).toEqual([]);
  });

  it('is kept by every import', () => {
    expect(files.flatMap(forbiddenImports)).toEqual([]);
  });

  it('would notice a forbidden import', () => {
    const file = {
      path: 'db/x.ts',
      code: "import { a } from '../platform/apps.js';\nimport('../engine/engine.js');",
    };
    expect(forbiddenImports(file)).toEqual([
      'db/x.ts imports platform/apps.js',
      'db/x.ts imports engine/engine.js',
    ]);
  });
});

describe('no file', () => {
  it('runs a shell on the server', () => {
    // `.exec(` of a regular expression or of SQLite is a method; the function of child_process stands alone.
    const shell =
      /(?<![.\w])exec\(|\bexecSync\b|\bshell\s*:\s*(true|['"`])|import\s*\{[^}]*\bexec\b[^}]*\}\s*from\s*'node:child_process'/;
    expect(matching(shell, () => true)).toEqual([]);
  });

  it('reads the environment, besides the daemon and the CLI', () => {
    const outside = (path: string) => !['daemon', 'cli'].includes(roomOf(path));
    expect(
      matching(/\bprocess\s*\.\s*env\b|\bprocess\[|\{[^}]*\benv\b[^}]*\}\s*=\s*process\b/, outside),
    ).toEqual([]);
  });

  it('ends the process itself', () => {
    expect(matching(/\bprocess\.exit\(/, () => true)).toEqual([]);
  });

  it('lets time limits be collected before they fire', () => {
    expect(matching(/\bAbortSignal\.any\(/, (path) => path !== 'any-signal.ts')).toEqual([]);
  });

  it('exports everything of another', () => {
    expect(matching(/^export \* from/m, () => true)).toEqual([]);
  });
});

/** Room -> rooms that it may import, from the table under "Who may import whom". */
function readTable(): Map<string, Set<string>> {
  const text = readFileSync(join(project, 'docs/architecture.md'), 'utf8');
  const section = text.split(/^## Who may import whom$/m)[1]?.split(/^## /m)[0] ?? '';
  const rows = [...section.matchAll(/^\| ([a-z-]+) \|(.*)\|$/gm)].filter(([, room]) => room !== 'room');
  return new Map(rows.map(([, room = '', allowed = '']) => [room, new Set(allowed.match(/[a-z-]+/g) ?? [])]));
}

function forbiddenImports(file: { path: string; code: string }): string[] {
  const room = roomOf(file.path);
  return importsOf(file.code)
    .filter((target) => target.startsWith('.'))
    .map((target) => normalize(join(dirname(file.path), target)))
    .filter((target) => !mayImport(room, target))
    .map((target) => `${file.path} imports ${target}`);
}

function mayImport(room: string, target: string): boolean {
  const other = roomOf(target);
  if (relative('.', target).startsWith('..')) return false;
  if (other === room || EVERYWHERE.has(other)) return true;
  return table.get(room)?.has(other) ?? false;
}

function importsOf(code: string): string[] {
  const statements = /\bfrom\s*'([^']+)'|\bimport\s*'([^']+)'|\bimport\(\s*'([^']+)'/g;
  return [...code.matchAll(statements)].map((match) => match[1] ?? match[2] ?? match[3] ?? '');
}

/** The folder below src, or the file's own name for one that lies there. */
function roomOf(path: string): string {
  return (path.split('/')[0] ?? '').replace(/\.(js|ts)$/, '');
}

function matching(pattern: RegExp, applies: (path: string) => boolean): string[] {
  return files.filter((file) => applies(file.path) && pattern.test(file.code)).map((file) => file.path);
}

function withoutComments(code: string): string {
  return code.replace(/\/\*[\s\S]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1');
}
