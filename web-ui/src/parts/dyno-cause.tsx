import type { Explanation } from '../api/types.js';

/** Why a dyno is not well, and what to do; nothing for one that is well or on its way. */
export function DynoCause({ explanation }: { explanation: Explanation }) {
  const { state, cause, next_step: nextStep, subject } = explanation;
  if (state === 'up' || state === 'starting' || state === 'down') return null;
  return (
    <p class="dyno-cause" data-testid={`cause-${subject}`}>
      {cause}.{nextStep !== null && <span>{nextStep}</span>}
    </p>
  );
}
