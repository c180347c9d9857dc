import { appPath } from '../routes.js';
import type { AppFacts } from '../state/app-facts.js';
import { timeline } from '../state/timeline.js';
import { Link } from './link.js';
import { BuildLink, momentStatus, momentTitle, momentTone } from './moment-text.js';
import { Ago } from './time.js';

/** The newest few lines of the history. */
export function RecentMoments({ facts }: { facts: AppFacts }) {
  const moments = timeline(facts.releases, facts.builds).slice(0, 4);
  const { name } = facts.app;
  return (
    <section aria-labelledby="recent">
      <h2 id="recent">Lately</h2>
      <ol class="recent">
        {moments.map((moment) => (
          <li key={`${moment.kind} ${moment.at}`} class={`tone-${momentTone(moment)}`}>
            <i aria-hidden="true" />
            <div>
              <p>
                {moment.kind === 'release' && <b>v{moment.release.version}</b>} {momentTitle(moment)}
              </p>
              <p class="hint">
                {momentStatus(moment) && <span class="moment-status">{momentStatus(moment)}, </span>}
                <Ago at={moment.at} />{' '}
                {momentTone(moment) !== 'good' && <BuildLink app={name} moment={moment} />}
              </p>
            </div>
          </li>
        ))}
      </ol>
      <p>
        <Link to={appPath(name, 'releases')}>All releases</Link>
      </p>
    </section>
  );
}
