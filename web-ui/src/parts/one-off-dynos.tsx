import type { Dyno } from '../api/types.js';
import { dynoPath } from '../routes.js';
import { Link } from './link.js';
import { Since } from './time.js';

/** The one-off and release-phase dynos that run right now; nothing when there are none. */
export function OneOffDynos({ app, dynos }: { app: string; dynos: readonly Dyno[] }) {
  const oneOffs = dynos.filter((dyno) => dyno.type === 'run' || dyno.type === 'release');
  if (oneOffs.length === 0) return null;
  return (
    <section aria-labelledby="one-offs">
      <h2 id="one-offs">One-off dynos</h2>
      <ul class="dynos one-offs">
        {oneOffs.map((dyno) => (
          <li key={dyno.name} class="dyno" data-testid={`dyno-${dyno.name}`} data-state={dyno.state}>
            <i class={`cell cell-${dyno.state}`} aria-hidden="true" />
            <span class="mono dyno-name">
              {dyno.type === 'run' ? <Link to={dynoPath(app, dyno.name)}>{dyno.name}</Link> : dyno.name}
            </span>
            <span class={`dyno-state text-${dyno.state}`}>{dyno.state}</span>
            <span class="dyno-since">
              <Since at={dyno.created_at} />
            </span>
            <span class="process-command">{dyno.command}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
