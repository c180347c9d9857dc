import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { type LogView, useLogTail } from '../live/use-log-tail.js';
import type { LogFilter } from '../log/filter.js';
import type { LogEntry } from '../log/line.js';
import { LogDetail } from '../parts/log-detail.js';
import { LogLines } from '../parts/log-lines.js';
import { LogToolbar } from '../parts/log-toolbar.js';
import { usePlatform } from '../platform.js';

const noFilter: LogFilter = { text: '', process: '' };

/** The live tail of an app: all its dynos, the router and the platform, across deploys. */
export function LogsPage({ app }: { app: string }) {
  const { client } = usePlatform();
  const { view, tick, redraw } = useLogTail(client, app);
  const [filter, setFilter] = useState<LogFilter>(noFilter);
  const [isFollowing, setIsFollowing] = useState(true);
  const [isWrapped, setIsWrapped] = useState(() => window.innerWidth < 640);
  const [picked, setPicked] = useState<LogEntry | undefined>();
  const search = useRef<HTMLInputElement>(null);
  view.update();

  const narrow = (next: LogFilter) => {
    setFilter(next);
    view.setFilter(next);
    setIsFollowing(true);
  };
  const togglePause = useCallback(() => {
    if (view.feed.isPaused) view.feed.resume();
    else view.feed.pause();
    redraw();
  }, [view, redraw]);
  useShortcuts({
    ' ': togglePause,
    '/': () => search.current?.focus(),
    w: () => setIsWrapped((before) => !before),
    End: () => setIsFollowing(true),
    Escape: () => setPicked(undefined),
  });

  return (
    <section class="logs" aria-label={`Logs of ${app}`}>
      <LogToolbar
        view={view}
        filter={filter}
        onFilter={narrow}
        search={search}
        isWrapped={isWrapped}
        onWrap={() => setIsWrapped(!isWrapped)}
        onPause={togglePause}
      />
      <div class="log-frame">
        <LogLines
          view={view}
          tick={tick}
          isWrapped={isWrapped}
          isFollowing={isFollowing}
          onFollow={setIsFollowing}
          onPick={setPicked}
          picked={picked}
        />
        <LogEmpty view={view} isFiltered={filter.text !== '' || filter.process !== ''} />
        {!isFollowing && (
          <button type="button" class="button main to-end" onClick={() => setIsFollowing(true)}>
            Follow newest <kbd>End</kbd>
          </button>
        )}
      </div>
      {picked && (
        <LogDetail
          app={app}
          entry={picked}
          onClose={() => setPicked(undefined)}
          onOnly={(process) => narrow({ ...filter, process: `process:${process}` })}
        />
      )}
    </section>
  );
}

function LogEmpty({ view, isFiltered }: { view: LogView; isFiltered: boolean }) {
  if (view.lines.length > 0) return null;
  if (view.state === 'gone') return <p class="log-empty">This app no longer exists.</p>;
  if (view.state === 'connecting') return <p class="log-empty">Opening the log…</p>;
  return (
    <p class="log-empty">
      {isFiltered ? 'No line passes the filter.' : 'No lines yet. New ones appear here as they are written.'}
    </p>
  );
}

/** Single keys for the page, unless the person is typing or using a control. */
function useShortcuts(keys: Readonly<Record<string, () => void>>): void {
  const latest = useRef(keys);
  latest.current = keys;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      const { target } = event;
      const at = target instanceof HTMLElement ? target : document.body;
      // Typing stays typing, and Space presses the button that has the focus.
      if (at.closest('input, textarea, select, dialog') || (event.key === ' ' && at.closest('button, a')))
        return;
      const act = latest.current[event.key];
      if (!act) return;
      event.preventDefault();
      act();
    };
    document.addEventListener('keydown', onKey);
    return () => document.removeEventListener('keydown', onKey);
  }, []);
}
