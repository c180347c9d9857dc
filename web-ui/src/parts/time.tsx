import { duration, fullTime, timeAgo } from '../format/time.js';
import { usePlatform } from '../platform.js';

/** A moment as "3 h ago", kept current; the full time is in its tooltip. */
export function Ago({ at }: { at: string }) {
  const { now } = usePlatform();
  return (
    <time dateTime={at} title={fullTime(at)}>
      {timeAgo(at, now.value)}
    </time>
  );
}

/** How long something has lasted, kept current. */
export function Since({ at }: { at: string }) {
  const { now } = usePlatform();
  return (
    <time dateTime={at} title={`since ${fullTime(at)}`}>
      {duration(now.value - Date.parse(at))}
    </time>
  );
}
