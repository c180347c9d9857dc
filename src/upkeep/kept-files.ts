// Files of the data directory that outlived their use: outputs of old builds, uploads and work directories that a killed
// daemon left, repositories of apps that are no more. Pure; sweep.ts lists the folders and removes what this names.

/** A file or directory, as `stat` tells. */
export interface KeptFile {
  readonly name: string;
  /** Epoch ms. */
  readonly modifiedAt: number;
}

const HOUR_MS = 3600 * 1000;
/** What is younger may be in the making. */
const FILE_GRACE_MS = HOUR_MS;
/** A build that waits in the queue still needs its upload. */
const UPLOAD_LIFE_MS = 48 * HOUR_MS;
const ID = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/;

/** `keptBuilds`: the builds whose output stays. */
export function staleOutputs(
  files: readonly KeptFile[],
  options: { keptBuilds: ReadonlySet<string>; nowMs: number },
): string[] {
  return files
    .filter(({ name }) => !options.keptBuilds.has(idIn(name)))
    .filter((file) => isOlder(file, FILE_GRACE_MS, options.nowMs))
    .map(({ name }) => name);
}

/** Uploads that no build took. */
export function staleUploads(files: readonly KeptFile[], options: { nowMs: number }): string[] {
  const lifeOf = ({ name }: KeptFile) => (name.startsWith('build-') ? UPLOAD_LIFE_MS : 2 * HOUR_MS);
  return files.filter((file) => isOlder(file, lifeOf(file), options.nowMs)).map(({ name }) => name);
}

/** Work directories of builds (`build-ID`) that are over. */
export function staleWork(
  files: readonly KeptFile[],
  options: { isBuilding: (buildId: string) => boolean; nowMs: number },
): string[] {
  return files
    .filter(({ name }) => name.startsWith('build-') && !options.isBuilding(idIn(name)))
    .filter((file) => isOlder(file, FILE_GRACE_MS, options.nowMs))
    .map(({ name }) => name);
}

/** Repositories (`ID.git`, and `ID.git.ID` while one is being made) of no app, and ones that were never finished. */
export function staleRepositories(
  files: readonly KeptFile[],
  options: { appIds: ReadonlySet<string>; nowMs: number },
): string[] {
  return files
    .filter(({ name }) => ID.test(name) && !(name.endsWith('.git') && options.appIds.has(idIn(name))))
    .filter((file) => isOlder(file, FILE_GRACE_MS, options.nowMs))
    .map(({ name }) => name);
}

function idIn(name: string): string {
  return ID.exec(name)?.[0] ?? '';
}

function isOlder(file: KeptFile, ageMs: number, nowMs: number): boolean {
  return nowMs - file.modifiedAt > ageMs;
}
