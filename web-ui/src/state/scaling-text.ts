import type { FormationEntry } from '../api/types.js';
import { duration } from '../format/time.js';

/** What the platform does to the number of dynos by itself, in one line; empty when nothing. */
export function scalingText({
  autosleep,
  autoscale,
}: Pick<FormationEntry, 'autosleep' | 'autoscale'>): string {
  const parts: string[] = [];
  if (autosleep) {
    parts.push(
      autosleep.asleep_since === null
        ? `sleeps after ${duration(autosleep.after_seconds * 1000)} without a request`
        : 'asleep: the next request starts it',
    );
  }
  if (autoscale) {
    const { min, max, metric, target } = autoscale;
    const unit = { p95: ' ms', cpu: ' % of a core', rps: ' requests a second' }[metric] ?? '';
    parts.push(`${min} to ${max} dynos, ${metric} ${target}${unit}`);
  }
  return parts.join(' · ');
}
