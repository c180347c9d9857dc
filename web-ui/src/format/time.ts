const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;

/** How long ago a moment was, in one short phrase: "just now", "40 s ago", "3 h ago", "12 d ago". */
export function timeAgo(iso: string, nowMs: number): string {
  const ageMs = nowMs - Date.parse(iso);
  if (Number.isNaN(ageMs)) return '';
  if (ageMs < 5000) return 'just now';
  return `${roughly(ageMs)} ago`;
}

/** A length of time with its one or two largest units: "40 s", "12 min", "3 h 12 min", "4 d 2 h". */
export function duration(lengthMs: number): string {
  if (!(lengthMs > 0)) return '0 s';
  if (lengthMs < minuteMs) return `${Math.floor(lengthMs / 1000)} s`;
  if (lengthMs < hourMs) return `${Math.floor(lengthMs / minuteMs)} min`;
  if (lengthMs < dayMs) return two(lengthMs, { unitMs: hourMs, unit: 'h', restMs: minuteMs, rest: 'min' });
  return two(lengthMs, { unitMs: dayMs, unit: 'd', restMs: hourMs, rest: 'h' });
}

/** Date and time as people of this place write it, for tooltips: "21 Nov 2026, 14:03:11". */
export function fullTime(iso: string, locale?: string): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return iso;
  return at.toLocaleString(locale, { dateStyle: 'medium', timeStyle: 'medium' });
}

/** The clock part of a log line's time, in UTC as the line has it: "15:13:46". */
export function clockPart(iso: string): string {
  return /T(\d\d:\d\d:\d\d)/.exec(iso)?.[1] ?? '';
}

function roughly(ageMs: number): string {
  if (ageMs < minuteMs) return `${Math.floor(ageMs / 1000)} s`;
  if (ageMs < hourMs) return `${Math.floor(ageMs / minuteMs)} min`;
  if (ageMs < dayMs) return `${Math.floor(ageMs / hourMs)} h`;
  return `${Math.floor(ageMs / dayMs)} d`;
}

function two(
  lengthMs: number,
  units: { unitMs: number; unit: string; restMs: number; rest: string },
): string {
  const whole = Math.floor(lengthMs / units.unitMs);
  const rest = Math.floor((lengthMs % units.unitMs) / units.restMs);
  return rest === 0 ? `${whole} ${units.unit}` : `${whole} ${units.unit} ${rest} ${units.rest}`;
}
