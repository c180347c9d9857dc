import { usePlatform } from '../platform.js';

/** The short messages at the lower edge, read out by screen readers as they come. */
export function Notices() {
  const { notices } = usePlatform();
  return (
    <div class="notices" role="status" aria-live="polite" data-testid="notices">
      {notices.value.map((notice) => (
        <div key={notice.id} class={`notice ${notice.tone}`}>
          <p>{notice.text}</p>
          {notice.hint && <p class="hint">{notice.hint}</p>}
        </div>
      ))}
    </div>
  );
}
