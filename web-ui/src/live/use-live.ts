import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError } from '../api/client.js';

/** What is known of something that is read again and again. `error` next to `data` means: this is the last known state. */
export interface Live<T> {
  readonly data: T | undefined;
  readonly error: ApiError | undefined;
  /** Reads again now; resolves when the answer is shown. */
  readonly refresh: () => Promise<void>;
}

const hiddenFactor = 15;
const longestWaitMs = 15_000;

/**
 * Reads `load` now and every `intervalMs`, slower while the page is hidden or the platform is away.
 * Starts over when `key` changes.
 */
export function useLive<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  intervalMs: number,
): Live<T> {
  const [state, setState] = useState<{ key: string; data: T | undefined; error: ApiError | undefined }>();
  const latest = useRef(load);
  latest.current = load;
  const again = useRef<() => Promise<void>>(async () => undefined);

  useEffect(() => {
    const loop = startLoop({
      intervalMs,
      read: (signal) => latest.current(signal),
      show: (change) =>
        setState((before) => {
          const known = before?.key === key ? before : undefined;
          return { key, data: change.data ?? known?.data, error: change.error };
        }),
    });
    again.current = loop.refresh;
    return loop.stop;
  }, [key, intervalMs]);

  const refresh = useCallback(() => again.current(), []);
  const current = state?.key === key ? state : undefined;
  return { data: current?.data, error: current?.error, refresh };
}

interface Loop {
  refresh: () => Promise<void>;
  stop: () => void;
}

function startLoop<T>(options: {
  intervalMs: number;
  read: (signal: AbortSignal) => Promise<T>;
  show: (change: { data?: T; error: ApiError | undefined }) => void;
}): Loop {
  const end = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let newest = 0;
  let failures = 0;
  const plan = () => {
    clearTimeout(timer);
    if (end.signal.aborted) return;
    const base = options.intervalMs * (document.hidden ? hiddenFactor : 1);
    const waitMs = failures === 0 ? base : Math.max(base, Math.min(longestWaitMs, 1000 * 2 ** failures));
    timer = setTimeout(() => void refresh(), waitMs);
  };
  const refresh = async () => {
    newest += 1;
    const mine = newest;
    clearTimeout(timer);
    try {
      const data = await options.read(end.signal);
      if (mine !== newest || end.signal.aborted) return;
      failures = 0;
      options.show({ data, error: undefined });
    } catch (error) {
      if (mine !== newest || end.signal.aborted) return;
      failures += 1;
      options.show({ error: asApiError(error) });
    }
    plan();
  };
  const onVisible = () => {
    if (!document.hidden) void refresh();
  };
  document.addEventListener('visibilitychange', onVisible);
  void refresh();
  return {
    refresh,
    stop: () => {
      end.abort();
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    },
  };
}

/** Any failure as an ApiError, so that it can be shown with a message and a hint. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new ApiError({
    status: 0,
    id: 'dashboard',
    message: `The dashboard failed: ${message}`,
    hint: 'Reload the page.',
  });
}
