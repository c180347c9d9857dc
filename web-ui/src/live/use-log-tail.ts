import { useEffect, useMemo, useState } from 'preact/hooks';
import type { Client } from '../api/client.js';
import { LogFeed } from '../log/feed.js';
import { FilteredLines, type LogFilter } from '../log/filter.js';
import { type LogEntry, processType } from '../log/line.js';
import { runTail, type TailSink, type TailState } from '../log/tail.js';

/** A tail as the page sees it. It is the same object for the whole tail; `tick` of the hook says that it has changed. */
export class LogView {
  readonly feed: LogFeed;
  readonly lines: FilteredLines;
  state: TailState = 'connecting';
  droppedCount = 0;
  /** Processes seen, by type. */
  readonly processes = new Map<string, Set<string>>();
  #leftAtTop = 0;

  constructor(capacity: number) {
    this.feed = new LogFeed(capacity);
    this.lines = new FilteredLines(this.feed.lines, { text: '', process: '' });
  }

  /** Brings the filtered lines up to date. */
  update(): void {
    this.#leftAtTop += this.lines.update();
  }

  setFilter(filter: LogFilter): void {
    this.lines.setFilter(filter);
    this.#leftAtTop = 0;
  }

  /** How many lines have left at the top since this was asked last: what a reader's scroll position has to move by. */
  takeLeftAtTop(): number {
    const left = this.#leftAtTop;
    this.#leftAtTop = 0;
    return left;
  }

  see(entries: readonly LogEntry[]): void {
    for (const { process } of entries) {
      const type = processType(process);
      const known = this.processes.get(type) ?? new Set();
      if (known.size < mostProcesses) known.add(process);
      if (this.processes.size < mostProcesses) this.processes.set(type, known);
    }
  }
}

const keptLines = 10_000;
const mostProcesses = 60;
const drawMs = 60;

/** Tails the app's logs while mounted. Draws at most every 60 ms, in an animation frame, however many lines come. */
export function useLogTail(client: Client, app: string): { view: LogView; tick: number; redraw: () => void } {
  const view = useMemo(() => new LogView(keptLines), [app]);
  const [tick, setTick] = useState(0);
  const painter = useMemo(() => createPainter(() => setTick((before) => before + 1)), []);
  useEffect(() => {
    const end = new AbortController();
    void runTail({ client, app, sink: sinkOf(view, painter.ask), signal: end.signal });
    return () => {
      end.abort();
      painter.stop();
    };
  }, [client, app, view, painter]);
  return { view, tick, redraw: painter.ask };
}

function sinkOf(view: LogView, redraw: () => void): TailSink {
  return {
    lines: (entries) => {
      view.feed.push(entries);
      view.see(entries);
      redraw();
    },
    dropped: (count) => {
      view.droppedCount += count;
      redraw();
    },
    state: (state) => {
      view.state = state;
      redraw();
    },
    lastId: () => view.feed.lastId,
  };
}

function createPainter(paint: () => void): { ask: () => void; stop: () => void } {
  let frame = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const stop = () => {
    cancelAnimationFrame(frame);
    clearTimeout(timer);
    timer = undefined;
  };
  const ask = () => {
    timer ??= setTimeout(() => {
      frame = requestAnimationFrame(() => {
        timer = undefined;
        paint();
      });
    }, drawMs);
  };
  return { ask, stop };
}
