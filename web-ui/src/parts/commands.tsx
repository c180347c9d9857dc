import { usePlatform } from '../platform.js';

/** Commands to type, with one button that copies them. */
export function Commands({ lines, label }: { lines: readonly string[]; label: string }) {
  return (
    <section class="commands" aria-label={label}>
      <pre>
        {lines.map((line) => (
          <code key={line}>{line}</code>
        ))}
      </pre>
      <CopyButton text={lines.join('\n')} what="commands" />
    </section>
  );
}

/** Copies a text and says so. */
export function CopyButton({ text, what }: { text: string; what: string }) {
  const { notify } = usePlatform();
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
      notify({ tone: 'good', text: `Copied the ${what}.` });
    } catch {
      notify({
        tone: 'bad',
        text: `The browser did not allow copying the ${what}.`,
        hint: 'Select the text and copy it.',
      });
    }
  };
  return (
    <button type="button" class="button quiet copy" aria-label={`Copy the ${what}`} onClick={copy}>
      Copy
    </button>
  );
}
