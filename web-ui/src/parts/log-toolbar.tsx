import type { RefObject } from 'preact';
import { count } from '../format/count.js';
import type { LogView } from '../live/use-log-tail.js';
import type { LogFilter } from '../log/filter.js';
import { printLogLine } from '../log/line.js';
import type { TailState } from '../log/tail.js';
import { usePlatform } from '../platform.js';
import { Button } from './button.js';

const stateWords: Readonly<Record<TailState, string>> = {
  connecting: 'Connecting…',
  live: 'Live',
  reconnecting: 'Reconnecting…',
  gone: 'Ended',
};

const mostCopied = 10_000;

/** State of the tail, filters, and what can be done with it. */
export function LogToolbar(props: {
  view: LogView;
  filter: LogFilter;
  onFilter: (filter: LogFilter) => void;
  search: RefObject<HTMLInputElement | null>;
  isWrapped: boolean;
  onWrap: () => void;
  onPause: () => void;
}) {
  const { view, filter, onFilter, isWrapped, onWrap, onPause } = props;
  const { feed } = view;
  const state = feed.isPaused && view.state === 'live' ? 'paused' : view.state;
  return (
    <div class="log-toolbar" role="toolbar" aria-label="Log">
      <span class={`log-state log-${state}`} role="status" data-testid="log-state" data-state={view.state}>
        <i aria-hidden="true" />
        {state === 'paused' ? 'Paused' : stateWords[view.state]}
      </span>
      <ProcessSelect view={view} filter={filter} onFilter={onFilter} />
      <input
        ref={props.search}
        type="search"
        class="log-search"
        aria-label="Filter by text"
        placeholder="Filter text, -word leaves out"
        value={filter.text}
        onInput={(event) => onFilter({ ...filter, text: event.currentTarget.value })}
        onKeyDown={(event) => {
          if (event.key === 'Escape') event.currentTarget.blur();
        }}
      />
      <Button onClick={onPause} aria-pressed={feed.isPaused} aria-keyshortcuts="Space">
        {feed.isPaused ? 'Resume' : 'Pause'}
      </Button>
      <Button look="quiet" onClick={onWrap} aria-pressed={isWrapped} aria-keyshortcuts="w">
        {isWrapped ? 'One line each' : 'Wrap'}
      </Button>
      <CopyLines view={view} />
      <LogCounts view={view} />
    </div>
  );
}

function LogCounts({ view }: { view: LogView }) {
  const { feed } = view;
  return (
    <span class="log-counts">
      {feed.isPaused && (
        <b data-testid="log-held">
          {count(feed.heldCount, 'new line')} waiting
          {feed.givenUpCount > 0 && `, oldest ${feed.givenUpCount.toLocaleString('en')} not kept`}
        </b>
      )}
      {view.droppedCount > 0 && (
        <b class="log-dropped" data-testid="log-dropped">
          {count(view.droppedCount, 'line')} dropped by the platform
        </b>
      )}
      <span data-testid="log-count">{count(view.lines.length, 'line')}</span>
    </span>
  );
}

function ProcessSelect(props: { view: LogView; filter: LogFilter; onFilter: (filter: LogFilter) => void }) {
  const { view, filter, onFilter } = props;
  const types = [...view.processes.keys()].filter((type) => type !== '').sort();
  const dynos = [...view.processes.values()]
    .flatMap((names) => [...names])
    .filter((name) => name.includes('.'));
  const chosen = filter.process.replace(/^process:/, '');
  if (filter.process.startsWith('process:') && chosen.includes('.') && !dynos.includes(chosen))
    dynos.push(chosen);
  return (
    <select
      aria-label="Filter by process or source"
      value={filter.process}
      onChange={(event) => onFilter({ ...filter, process: event.currentTarget.value })}
    >
      <option value="">All processes</option>
      <optgroup label="Source">
        <option value="source:app">app</option>
        <option value="source:heroku">heroku (platform)</option>
      </optgroup>
      <optgroup label="Process type">
        {types.map((type) => (
          <option key={type} value={`type:${type}`}>
            {type}
          </option>
        ))}
      </optgroup>
      <optgroup label="Dyno">
        {dynos.sort().map((name) => (
          <option key={name} value={`process:${name}`}>
            {name}
          </option>
        ))}
      </optgroup>
    </select>
  );
}

function CopyLines({ view }: { view: LogView }) {
  const { notify } = usePlatform();
  const copy = async () => {
    const lines: string[] = [];
    const { length } = view.lines;
    for (let index = Math.max(0, length - mostCopied); index < length; index += 1) {
      const entry = view.lines.at(index);
      if (entry) lines.push(printLogLine(entry));
    }
    try {
      await navigator.clipboard.writeText(lines.join('\n'));
      notify({ tone: 'good', text: `Copied ${count(lines.length, 'line')}.` });
    } catch {
      notify({
        tone: 'bad',
        text: 'The browser did not allow copying.',
        hint: 'Select the text and copy it.',
      });
    }
  };
  return (
    <Button look="quiet" onClick={() => void copy()}>
      Copy
    </Button>
  );
}
