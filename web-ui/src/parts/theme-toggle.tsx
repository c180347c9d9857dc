import { useState } from 'preact/hooks';

const choices = ['system', 'light', 'dark'] as const;
type Choice = (typeof choices)[number];

/** Goes round system, light, dark; the choice is kept in this browser (read by public/assets/theme.js). */
export function ThemeToggle() {
  const [choice, setChoice] = useState<Choice>(readChoice);
  const next = choices[(choices.indexOf(choice) + 1) % choices.length] ?? 'system';
  const change = () => {
    setChoice(next);
    if (next === 'system') delete document.documentElement.dataset['theme'];
    else document.documentElement.dataset['theme'] = next;
    try {
      if (next === 'system') localStorage.removeItem('paas-theme');
      else localStorage.setItem('paas-theme', next);
    } catch {
      // Storage may be switched off; the choice then lasts as long as the page.
    }
  };
  const label = `Theme: ${choice}. Switch to ${next}`;
  return (
    <button type="button" class="button quiet theme" aria-label={label} title={label} onClick={change}>
      <svg viewBox="0 0 20 20" width="18" height="18" aria-hidden="true" fill="none" stroke="currentColor">
        <circle cx="10" cy="10" r="6.5" stroke-width="1.5" />
        {choice !== 'light' && <path d="M10 3.5a6.5 6.5 0 0 1 0 13z" fill="currentColor" stroke="none" />}
        {choice === 'dark' && <circle cx="10" cy="10" r="6" fill="currentColor" stroke="none" />}
      </svg>
    </button>
  );
}

function readChoice(): Choice {
  const chosen = document.documentElement.dataset['theme'];
  return choices.find((choice) => choice === chosen) ?? 'system';
}
