import type { Dyno } from '../api/types.js';

/** Every dyno as one small cell, coloured by its state. */
export function DynoCells({ dynos }: { dynos: readonly Dyno[] }) {
  if (dynos.length === 0) return <span class="cells" />;
  const label = dynos.map((dyno) => `${dyno.name} ${dyno.state}`).join(', ');
  return (
    <span class="cells" role="img" aria-label={label} title={label}>
      {dynos.slice(0, 24).map((dyno) => (
        <i key={dyno.name} class={`cell cell-${dyno.state}`} />
      ))}
      {dynos.length > 24 && <b>+{dynos.length - 24}</b>}
    </span>
  );
}
