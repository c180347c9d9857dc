// Statements are compiled once: better-sqlite3 compiles at each `prepare`, which costs more than most of our queries.

import type Sqlite from 'better-sqlite3';

type Statement = Sqlite.Statement;

/** More texts than the program has: were they built from values, they would not be kept for ever. */
const MAX_STATEMENTS = 500;

/**
 * Makes `prepare` of this connection give the same statement for the same text. What a caller sets on a statement does
 * not reach the others: `pluck` gives a second one, kept too; what else changes it, or keeps it busy, gets a fresh one.
 */
export function cacheStatements(sql: Sqlite.Database): void {
  const compile = sql.prepare.bind(sql) as (text: string) => Statement;
  const kept = new Map<string, Statement>();
  const prepare = (text: string): Statement => {
    const known = kept.get(text);
    if (known !== undefined) return known;
    if (kept.size >= MAX_STATEMENTS) kept.clear();
    const made = shareable(text, compile);
    kept.set(text, made);
    return made;
  };
  Object.assign(sql, { prepare });
}

function shareable(text: string, compile: (text: string) => Statement): Statement {
  let plucked: Statement | undefined;
  const fresh = {
    bind: (...values: unknown[]) => compile(text).bind(...values),
    expand: (toggle = true) => compile(text).expand(toggle),
    iterate: (...values: unknown[]) => compile(text).iterate(...values),
    raw: (toggle = true) => compile(text).raw(toggle),
    safeIntegers: (toggle = true) => compile(text).safeIntegers(toggle),
  };
  return Object.assign(compile(text), fresh, {
    pluck(toggle = true): Statement {
      if (!toggle) return compile(text);
      plucked ??= Object.assign(compile(text).pluck(), {
        ...fresh,
        pluck: (toggle = true) => compile(text).pluck(toggle),
      });
      return plucked;
    },
  });
}
