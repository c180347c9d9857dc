import type { Dyno, Explanation, FormationEntry } from '../api/types.js';
import { dynoPath } from '../routes.js';
import { scalingText } from '../state/scaling-text.js';
import { DynoCause } from './dyno-cause.js';
import { Link } from './link.js';
import { RestartOne } from './restart.js';
import { ScaleControl } from './scale-control.js';
import { Since } from './time.js';

/** One process type: its command, how many dynos are wanted, and each dyno that there is. */
export function ProcessCard(props: {
  app: string;
  entry: FormationEntry;
  dynos: readonly Dyno[];
  explanations: readonly Explanation[];
  refresh: () => Promise<void>;
}) {
  const { app, entry, dynos, explanations, refresh } = props;
  const scaling = scalingText(entry);
  return (
    <article class="process" data-testid={`process-${entry.type}`} aria-label={`${entry.type} processes`}>
      <div class="process-head">
        <h3 class="mono">{entry.type}</h3>
        <ScaleControl app={app} entry={entry} dynos={dynos} refresh={refresh} />
      </div>
      <p class="process-command" title={entry.command}>
        {entry.command === '' ? 'the image’s own command' : entry.command}
      </p>
      {scaling !== '' && (
        <p class="process-scaling hint" data-testid={`scaling-${entry.type}`}>
          {scaling}
        </p>
      )}
      {dynos.length > 0 && (
        <ul class="dynos">
          {dynos.map((dyno) => (
            <DynoLine
              key={dyno.name}
              app={app}
              dyno={dyno}
              explanation={explanations.find(({ subject }) => subject === dyno.name)}
              refresh={refresh}
            />
          ))}
        </ul>
      )}
    </article>
  );
}

function DynoLine(props: {
  app: string;
  dyno: Dyno;
  explanation: Explanation | undefined;
  refresh: () => Promise<void>;
}) {
  const { app, dyno, explanation, refresh } = props;
  return (
    <li class="dyno" data-testid={`dyno-${dyno.name}`} data-state={dyno.state}>
      <i class={`cell cell-${dyno.state}`} aria-hidden="true" />
      <span class="mono dyno-name">
        <Link to={dynoPath(app, dyno.name)}>{dyno.name}</Link>
      </span>
      <span class={`dyno-state text-${dyno.state}`}>{dyno.state}</span>
      <span class="dyno-since">
        <Since at={dyno.updated_at} />
      </span>
      <span class="dyno-release">{dyno.release ? `v${dyno.release.version}` : ''}</span>
      <RestartOne app={app} dyno={dyno.name} refresh={refresh} />
      {explanation && <DynoCause explanation={explanation} />}
    </li>
  );
}
