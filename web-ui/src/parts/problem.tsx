import type { ApiError } from '../api/client.js';

/** A failure with what to do about it. Nothing when there is none. */
export function Problem({ error, onRetry }: { error: ApiError | undefined; onRetry?: () => void }) {
  if (!error) return null;
  return (
    <div class="problem" role="alert">
      <p class="problem-text">{error.message}</p>
      {error.hint && <p class="problem-hint">{error.hint}</p>}
      {onRetry && (
        <button type="button" class="button plain" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

/** Says that what is shown is the last known state; `warning` says so in the server's words. */
export function StaleBar(props: { error: ApiError | undefined; warning?: string | undefined }) {
  const { error, warning } = props;
  if (!error && warning === undefined) return null;
  return (
    <div class="stale" role="status" data-testid="stale">
      <span class="spinner" aria-hidden="true" />
      {error?.isUnreachable
        ? 'The platform does not answer; showing the last known state. Trying again…'
        : (error?.message ?? warning)}
    </div>
  );
}
