import type { AppStatus } from '../state/app-state.js';

/** The state of an app or dyno: a coloured mark whose word is always beside it. */
export function StateMark({ status }: { status: AppStatus }) {
  return (
    <span
      class={`state state-${status.name}`}
      data-testid="app-state"
      data-state={status.name}
      title={status.detail}
    >
      <i aria-hidden="true" />
      {status.name}
    </span>
  );
}
