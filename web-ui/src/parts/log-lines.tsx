import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { clockPart } from '../format/time.js';
import type { LogView } from '../live/use-log-tail.js';
import { type LogEntry, lineTone, processHue } from '../log/line.js';

const rowPx = 20; // the line height in log.css
const spareRows = 10;
const wrappedRows = 300;

interface LogLinesProps {
  view: LogView;
  /** Changes whenever `view` has. */
  tick: number;
  isWrapped: boolean;
  isFollowing: boolean;
  onFollow: (isFollowing: boolean) => void;
  onPick: (entry: LogEntry) => void;
  picked: LogEntry | undefined;
}

/**
 * The lines. Unwrapped, only those in sight are in the document; wrapped, the newest few hundred.
 * At the end it follows; scrolling up lets go, and the lines in sight then stay where they are.
 */
export function LogLines(props: LogLinesProps) {
  const { view, tick, isWrapped, isFollowing, onFollow } = props;
  const box = useRef<HTMLDivElement>(null);
  const lastTop = useRef(0);
  const [sight, setSight] = useState({ top: 0, height: 600 });
  const total = view.lines.length;

  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setSight((now) => ({ ...now, height: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useLayoutEffect(() => {
    const element = box.current;
    if (!element) return;
    const left = view.takeLeftAtTop();
    if (isFollowing) element.scrollTop = element.scrollHeight;
    else if (left > 0 && !isWrapped) element.scrollTop = Math.max(0, element.scrollTop - left * rowPx);
    lastTop.current = element.scrollTop;
    setSight((now) => (now.top === element.scrollTop ? now : { ...now, top: element.scrollTop }));
  }, [tick, total, isFollowing, isWrapped, view]);

  const onScroll = () => {
    const element = box.current;
    if (!element) return;
    const isAtEnd = element.scrollHeight - element.scrollTop - element.clientHeight < rowPx * 1.5;
    if (isAtEnd !== isFollowing && (isAtEnd || element.scrollTop < lastTop.current - 1)) onFollow(isAtEnd);
    lastTop.current = element.scrollTop;
    setSight((now) => ({ ...now, top: element.scrollTop }));
  };

  const [first, last] = isWrapped
    ? [Math.max(0, total - wrappedRows), total]
    : inSight(sight, total, isFollowing);
  return (
    <div
      ref={box}
      class={isWrapped ? 'log wrapped' : 'log'}
      role="log"
      aria-label="Log lines"
      aria-live="off"
      data-testid="log-lines"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: a scrolling region has to be reachable by keyboard
      tabIndex={0}
      onScroll={onScroll}
    >
      {!isWrapped && <div class="log-space" style={{ height: `${first * rowPx}px` }} />}
      <Rows {...props} first={first} last={last} />
      {!isWrapped && <div class="log-space" style={{ height: `${(total - last) * rowPx}px` }} />}
    </div>
  );
}

function inSight(
  sight: { top: number; height: number },
  total: number,
  isFollowing: boolean,
): [number, number] {
  const rows = Math.ceil(sight.height / rowPx) + spareRows;
  if (isFollowing) return [Math.max(0, total - rows - spareRows), total];
  const first = Math.min(Math.max(0, Math.floor(sight.top / rowPx) - spareRows), Math.max(0, total - rows));
  return [first, Math.min(total, first + rows + spareRows)];
}

function Rows({ view, first, last, onPick, picked }: LogLinesProps & { first: number; last: number }) {
  const rows = [];
  for (let index = first; index < last; index += 1) {
    const entry = view.lines.at(index);
    if (entry)
      rows.push(<Row key={entry.id} entry={entry} onPick={onPick} isPicked={entry.id === picked?.id} />);
  }
  return <div class="log-rows">{rows}</div>;
}

function Row({
  entry,
  onPick,
  isPicked,
}: {
  entry: LogEntry;
  onPick: (entry: LogEntry) => void;
  isPicked: boolean;
}) {
  const tone = lineTone(entry);
  const className = `log-row tone-${tone}${isPicked ? ' picked' : ''}`;
  if (entry.source === 'notice') {
    return (
      <div class={className} data-testid="log-notice">
        {entry.text}
      </div>
    );
  }
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: what a click opens is the same line in full; the wrap key shows it too
    // biome-ignore lint/a11y/noStaticElementInteractions: as above
    <div
      class={className}
      data-testid="log-line"
      data-id={entry.id}
      data-process={entry.process}
      onClick={() => onPick(entry)}
    >
      <span class="log-time">{clockPart(entry.time)}</span>
      <span class={`log-process hue-${processHue(entry.process)}`}>{entry.process}</span>
      <span class="log-text">{entry.text}</span>
    </div>
  );
}
