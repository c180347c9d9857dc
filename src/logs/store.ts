// The kept lines: one SQLite file. Lines are stored in blocks (runs.ts), one row for what an app printed within some
// milliseconds. How far each container was read is written in the same transaction as its lines, so that a collector
// that was killed knows exactly what it has. Synchronous: it lives in a worker thread (store-worker.ts).

import Database from 'better-sqlite3';
import type { LogFilter } from './line.js';
import { newestRuns } from './newest-runs.js';
import { type LogStatements, openTables } from './store-tables.js';

/** Lines of one app, ready to be stored. `payload` is their text form. */
export interface StoredBlock {
  readonly appId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  readonly lastUs: number;
  readonly lineCount: number;
  readonly payload: Uint8Array;
}

/** A block as it is read. `firstLine` numbers the app's lines without gaps, so that what retention took can be counted. */
export interface ReadBlock extends StoredBlock {
  readonly firstLine: number;
}

/** How far one output stream of a container was read. */
export interface StreamProgress {
  /** Lines taken from it; since its start when `isFromStart`. */
  readonly count: number;
  /** Fingerprints of the last lines, oldest first. */
  readonly recent: readonly number[];
  /** When the last of them was read; 0 for none. */
  readonly lastUs: number;
  /** While lines of it may be missing: since when, though the other stream was read on. */
  readonly unreadSinceUs?: number;
}

/** What the collector has to know of a container to go on after a restart. */
export interface ContainerProgress {
  readonly containerId: string;
  readonly appId: string;
  readonly process: string;
  readonly tty: boolean;
  /** Read from its first byte on, so that the counts are positions in its output. */
  readonly isFromStart: boolean;
  /** Its output has ended and was taken completely. */
  readonly hasEnded: boolean;
  readonly stdout: StreamProgress;
  readonly stderr: StreamProgress;
}

/** One transaction. `nextSeq` is above every number used so far. */
export interface StoreBatch {
  readonly blocks: readonly StoredBlock[];
  readonly progress: readonly ContainerProgress[];
  readonly nextSeq: number;
}

/** The newest matching lines, in text form, oldest first. */
export interface Page {
  readonly runs: string;
  readonly lineCount: number;
  /** Everything up to here was looked at; live lines go on behind it. */
  readonly uptoSeq: number;
  /** The app's next line has this `firstLine`; undefined for an app without lines. */
  readonly nextLine: number | undefined;
  /** Where to look for older ones; undefined when there are none or there are enough. */
  readonly nextBeforeSeq: number | undefined;
}

/** What a row costs besides its text. */
const BLOCK_OVERHEAD_BYTES = 128;
const READ_BYTES = 1024 * 1024;
/** Pages of 4 KB that are given back to the disk at a time. */
const PAGES_AT_ONCE = 4096;
const PAGES_PER_COMMIT = 256;
/** Free pages that the file keeps for the next lines. */
const SPARE_PAGES = 1024;

export class LogStore {
  readonly #db: Database.Database;
  #hasSpareSpace = false;
  readonly #sizes = new Map<string, number>();
  readonly #nextLines = new Map<string, number>();
  readonly #retention: { bytes: number; days: number };
  readonly #sql: LogStatements;

  /** Opens or makes the file. `bytes` is kept per app; a block is the unit that is dropped. */
  constructor(options: { path: string; retention: { bytes: number; days: number } }) {
    this.#db = new Database(options.path);
    this.#retention = options.retention;
    try {
      this.#db.pragma('auto_vacuum = incremental');
      this.#db.pragma('journal_mode = WAL');
      this.#db.pragma('synchronous = NORMAL');
      this.#db.pragma('journal_size_limit = 16777216');
      this.#db.pragma('cache_size = -2000');
      this.#sql = openTables(this.#db);
      for (const row of this.#sql.sizes.all()) this.#sizes.set(row.app_id, row.bytes);
      for (const row of this.#sql.nextLines.all()) this.#nextLines.set(row.app_id, row.next_line);
    } catch (error) {
      this.#db.close();
      throw error;
    }
  }

  /** The apps with kept lines, or that had some since the start. */
  appIds(): string[] {
    return [...this.#nextLines.keys()];
  }

  /** The first sequence number that was never used. */
  nextSeq(): number {
    return this.#sql.nextSeq.get()?.next_seq ?? 1;
  }

  /** Writes blocks and progress in one transaction, and drops what is over the size limit: all of it or nothing. */
  commit(batch: StoreBatch): void {
    const appIds = new Set(batch.blocks.map((block) => block.appId));
    const takeBack = this.#rememberBooks(appIds);
    try {
      this.#db.transaction(() => {
        for (const block of batch.blocks) this.#insert(block);
        for (const progress of batch.progress)
          this.#sql.saveProgress.run(progress.containerId, progress.appId, JSON.stringify(progress));
        this.#sql.saveSeq.run(batch.nextSeq);
        for (const appId of appIds) this.#trim(appId);
      })();
    } catch (error) {
      takeBack();
      throw error;
    }
    if (this.#hasSpareSpace) this.#giveBackSpace(PAGES_PER_COMMIT);
  }

  /** The newest `lines` matching lines below `beforeSeq`; looks at about 1 MB, then says where to go on. */
  readLast(query: { appId: string; lines: number; beforeSeq?: number; filter: LogFilter }): Page {
    const beforeSeq = query.beforeSeq ?? Number.MAX_SAFE_INTEGER;
    const found: string[] = [];
    let lineCount = 0;
    let uptoSeq = 0;
    let readBytes = 0;
    let reached: number | undefined;
    for (const row of this.#sql.newestFirst.iterate(query.appId, beforeSeq)) {
      uptoSeq = Math.max(uptoSeq, row.last_seq);
      if (lineCount >= query.lines || readBytes >= READ_BYTES) {
        reached = row.last_seq + 1;
        break;
      }
      readBytes += row.bytes;
      const newest = newestRuns(row.runs, { ...query, beforeSeq, lines: query.lines - lineCount });
      found.push(newest.runs);
      lineCount += newest.lineCount;
    }
    const nextBeforeSeq = lineCount >= query.lines ? undefined : reached;
    const nextLine = this.#nextLines.get(query.appId);
    return { runs: found.reverse().join(''), lineCount, uptoSeq, nextLine, nextBeforeSeq };
  }

  /** Whole blocks with lines above `afterSeq`, oldest first, about `maxBytes` of them. */
  readAfter(query: { appId: string; afterSeq: number; maxBytes: number }): ReadBlock[] {
    const blocks: ReadBlock[] = [];
    let bytes = 0;
    for (const row of this.#sql.oldestFirst.iterate(query.appId, query.afterSeq)) {
      blocks.push({
        appId: query.appId,
        firstSeq: row.first_seq,
        lastSeq: row.last_seq,
        lastUs: row.last_us,
        firstLine: row.first_line,
        lineCount: row.line_count,
        payload: row.runs,
      });
      bytes += row.bytes;
      if (bytes >= query.maxBytes) break;
    }
    return blocks;
  }

  /** Every container whose progress is known. */
  listProgress(): ContainerProgress[] {
    return this.#sql.allProgress.all().map((row) => {
      // Written by `commit` and by nothing else.
      return JSON.parse(row.progress) as ContainerProgress;
    });
  }

  forgetContainers(containerIds: readonly string[]): void {
    this.#db.transaction(() => {
      for (const id of containerIds) this.#sql.forgetContainer.run(id);
    })();
  }

  /** Deletes everything of an app. */
  forgetApp(appId: string): void {
    this.#db.transaction(() => {
      this.#sql.forgetBlocks.run(appId);
      this.#sql.forgetProgress.run(appId);
    })();
    this.#sizes.delete(appId);
    this.#nextLines.delete(appId);
    this.#giveBackSpace(PAGES_AT_ONCE);
  }

  /** Drops blocks that are too old, unless nobody knows what time it is, and gives space back that is not needed. */
  dropOld(nowUs: number | undefined): void {
    const limitUs = (nowUs ?? 0) - this.#retention.days * 86_400_000_000;
    if (nowUs !== undefined && this.#sql.dropOld.run(limitUs).changes > 0) {
      this.#sizes.clear();
      for (const row of this.#sql.sizes.all()) this.#sizes.set(row.app_id, row.bytes);
    }
    this.#giveBackSpace(PAGES_AT_ONCE);
  }

  close(): void {
    this.#db.close();
  }

  /** What brings the books of these apps back to where they are now, when the file stays as it is. */
  #rememberBooks(appIds: ReadonlySet<string>): () => void {
    const before = [...appIds].map((id) => ({
      id,
      size: this.#sizes.get(id) ?? 0,
      nextLine: this.#nextLines.get(id) ?? 1,
    }));
    return () => {
      for (const { id, size, nextLine } of before) {
        this.#sizes.set(id, size);
        this.#nextLines.set(id, nextLine);
      }
    };
  }

  #insert(block: StoredBlock): void {
    const { appId, firstSeq, lastSeq, lastUs, lineCount, payload } = block;
    const bytes = payload.byteLength + BLOCK_OVERHEAD_BYTES;
    const firstLine = this.#nextLines.get(appId) ?? 1;
    this.#sql.insert.run(appId, firstSeq, lastSeq, lastUs, bytes, firstLine, lineCount, payload);
    this.#sizes.set(appId, (this.#sizes.get(appId) ?? 0) + bytes);
    this.#nextLines.set(appId, firstLine + lineCount);
  }

  #trim(appId: string): void {
    let size = this.#sizes.get(appId) ?? 0;
    if (size <= this.#retention.bytes) return;
    const ids: number[] = [];
    for (const row of this.#sql.oldestSizes.iterate(appId)) {
      if (size <= this.#retention.bytes) break;
      ids.push(row.id);
      size -= row.bytes;
    }
    for (const id of ids) this.#sql.deleteBlock.run(id);
    this.#sizes.set(appId, size);
  }

  /** A part, so that lines do not wait for long; the next commits give back the rest. */
  #giveBackSpace(pages: number): void {
    const spare = Number(this.#db.pragma('freelist_count', { simple: true })) - SPARE_PAGES;
    if (spare > 0) this.#db.pragma(`incremental_vacuum(${Math.min(pages, spare)})`);
    this.#hasSpareSpace = spare > pages;
  }
}
