import { useCallback, useRef, useState } from 'preact/hooks';
import type { ApiError } from '../api/client.js';
import { asApiError } from './use-live.js';

/** Something a person starts: at most once at a time, with its failure kept for showing. */
export interface Action<A extends unknown[]> {
  /** Resolves to true when it worked. */
  readonly run: (...args: A) => Promise<boolean>;
  readonly isBusy: boolean;
  readonly error: ApiError | undefined;
  readonly clear: () => void;
}

/** Wraps a write. */
export function useAction<A extends unknown[]>(act: (...args: A) => Promise<void>): Action<A> {
  const [state, setState] = useState<{ isBusy: boolean; error: ApiError | undefined }>({
    isBusy: false,
    error: undefined,
  });
  const running = useRef(false);
  const latest = useRef(act);
  latest.current = act;
  const run = useCallback(async (...args: A) => {
    if (running.current) return false;
    running.current = true;
    setState({ isBusy: true, error: undefined });
    try {
      await latest.current(...args);
      setState({ isBusy: false, error: undefined });
      return true;
    } catch (error) {
      setState({ isBusy: false, error: asApiError(error) });
      return false;
    } finally {
      running.current = false;
    }
  }, []);
  const clear = useCallback(() => setState({ isBusy: false, error: undefined }), []);
  return { run, isBusy: state.isBusy, error: state.error, clear };
}
