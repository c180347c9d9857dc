import type { DynoWhy, Evidence } from '../api/types.js';
import { fullTime } from '../format/time.js';
import { useLive } from '../live/use-live.js';
import { Link } from '../parts/link.js';
import { Problem } from '../parts/problem.js';
import { Ago } from '../parts/time.js';
import { usePlatform } from '../platform.js';
import { appPath } from '../routes.js';

const refreshMs = 2500;

/** Why one dyno is as it is, as `paas why` says it: of the formation, or a one-off, also when that has ended. */
export function DynoPage({ app, dyno }: { app: string; dyno: string }) {
  const { client } = usePlatform();
  const live = useLive(`why ${app} ${dyno}`, (signal) => client.explainDyno(app, dyno, signal), refreshMs);
  return (
    <section aria-labelledby="dyno" data-testid="why">
      <p class="crumb">
        <Link to={appPath(app)}>Overview</Link>
      </p>
      {live.data ? (
        <Why dyno={dyno} why={live.data} />
      ) : live.error ? (
        <Problem error={live.error} onRetry={() => void live.refresh()} />
      ) : (
        <div class="row-loading" role="status" aria-label={`Loading ${dyno}`} />
      )}
    </section>
  );
}

function Why({ dyno, why }: { dyno: string; why: DynoWhy }) {
  const [explanation] = why.explanations;
  if (explanation === undefined) return null;
  const { state, cause, since, next_step: nextStep, evidence } = explanation;
  return (
    <>
      <div class="section-head">
        <h2 id="dyno">
          <span class="mono">{dyno}</span>{' '}
          <span class={`text-${state}`} data-testid="why-state">
            {state}
          </span>
        </h2>
        {since !== null && (
          <span class="hint">
            <Ago at={since} />
          </span>
        )}
      </div>
      <p data-testid="why-cause">{cause}.</p>
      {nextStep !== null && <p class="hint">{nextStep}</p>}
      <EvidenceList evidence={evidence} />
      {why.incidents.length > 0 && (
        <>
          <h3>What happened before</h3>
          <dl class="facts why-facts">
            {why.incidents.map(({ created_at: at, message }) => (
              <>
                <dt title={fullTime(at)}>
                  <Ago at={at} />
                </dt>
                <dd>{message}</dd>
              </>
            ))}
          </dl>
        </>
      )}
      <h3>Its newest lines</h3>
      {why.log_lines.length === 0 ? (
        <p class="hint">The log has no line of it.</p>
      ) : (
        <section class="output" aria-label={`Newest lines of ${dyno}`} data-testid="why-lines">
          <pre>{why.log_lines.join('\n')}</pre>
        </section>
      )}
    </>
  );
}

function EvidenceList({ evidence }: { evidence: Evidence }) {
  const entries = Object.entries(evidence);
  if (entries.length === 0) return null;
  return (
    <dl class="facts why-facts" data-testid="why-evidence">
      {entries.map(([name, value]) => (
        <>
          <dt>{name.replaceAll('_', ' ')}</dt>
          <dd>{Array.isArray(value) ? value.join(', ') : String(value)}</dd>
        </>
      ))}
    </dl>
  );
}
