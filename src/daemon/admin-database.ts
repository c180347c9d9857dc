// `paasd-admin database:…`: look at the database, back it up, put a backup in its place.

import { readFileSync } from 'node:fs';
import Sqlite from 'better-sqlite3';
import { dropOldBackups, findDamage, listBackups, makeBackup, restoreBackup } from '../db/backups.js';
import type { DataPaths } from './config.js';

/** Runs the command; its answer is for people. Throws an Error with the reason and the next step. */
export async function runDatabaseCommand(
  command: string,
  options: { paths: DataPaths; from: string | undefined; now: number; keptBackups: number },
): Promise<string> {
  const { paths, now } = options;
  switch (command) {
    case 'database:check': {
      const damage = findDamage(paths.database);
      if (damage !== undefined) throw new Error(`${paths.database} is damaged: ${damage}`);
      return `${paths.database} is whole`;
    }
    case 'database:backups':
      return listBackups(paths.backups)
        .map(({ path, bytes, madeAt }) => `${new Date(madeAt).toISOString()}  ${bytes}  ${path}`)
        .join('\n');
    case 'database:backup': {
      const sql = new Sqlite(paths.database, { fileMustExist: true, timeout: 5000 });
      try {
        const { path } = await makeBackup({ sql, directory: paths.backups, now });
        await dropOldBackups(paths.backups, options.keptBackups);
        return path;
      } finally {
        sql.close();
      }
    }
    case 'database:restore':
      return restore(options);
    default:
      throw new Error(`unknown command ${command}`);
  }
}

function restore(options: { paths: DataPaths; from: string | undefined; now: number }): string {
  const { paths, from, now } = options;
  const pid = runningDaemon(paths);
  if (pid !== undefined) {
    throw new Error(`paasd runs (pid ${pid}) and has the database open: stop it first; apps go on running`);
  }
  const found = listBackups(paths.backups).map(({ path }) => path);
  const backup = from ?? found.find((path) => findDamage(path) === undefined);
  if (backup === undefined)
    throw new Error(`there is no whole backup in ${paths.backups}: name one with --from`);
  const { movedAside } = restoreBackup({ backup, database: paths.database, now });
  const kept = movedAside.map((path) => `kept aside: ${path}`);
  return [`restored ${backup}`, ...kept, 'start the daemon again'].join('\n');
}

/** Pid of the paasd of this data directory; undefined when none runs. */
function runningDaemon(paths: DataPaths): number | undefined {
  let pid: number;
  try {
    pid = Number.parseInt(readFileSync(paths.daemonPid, 'utf8'), 10);
    if (!(pid > 1)) return undefined;
    process.kill(pid, 0);
  } catch {
    return undefined;
  }
  // After a reboot the number may be that of another program.
  const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  return command.includes('node') || command.includes('paasd') ? pid : undefined;
}
