// What a client says in a frame of `paas-run/1` beside its input: the window's size, a signal. Pure.

/** The window size in a resize frame; undefined when it makes no sense. */
export function readSize(payload: Buffer): { columns: number; rows: number } | undefined {
  const value = parseJson(payload);
  const { columns, rows } = value;
  const isSide = (side: unknown): side is number =>
    typeof side === 'number' && Number.isInteger(side) && side > 0 && side < 10_000;
  return isSide(columns) && isSide(rows) ? { columns, rows } : undefined;
}

/** The signal in a signal frame (`INT` or `SIGINT`); undefined for one that is not passed on. */
export function readSignal(payload: Buffer): NodeJS.Signals | undefined {
  const name = payload.toString('latin1').replace(/^(?!SIG)/, 'SIG');
  return PASSED_ON.find((signal) => signal === name);
}

const PASSED_ON: readonly NodeJS.Signals[] = [
  'SIGHUP',
  'SIGINT',
  'SIGQUIT',
  'SIGTERM',
  'SIGUSR1',
  'SIGUSR2',
  'SIGCONT',
  'SIGTSTP',
  'SIGKILL',
];

function parseJson(payload: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(payload.toString('utf8'));
    // Any object will do: its fields are checked one by one.
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
