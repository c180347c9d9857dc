import { buildPath } from '../routes.js';
import { commitOf, type Moment, shortCommit } from '../state/timeline.js';
import { Link } from './link.js';

const releaseWords: Readonly<Record<string, string>> = {
  succeeded: '',
  pending: 'release command executing',
  failed: 'release command failed',
  expired: 'release expired',
};

const buildWords: Readonly<Record<string, string>> = {
  queued: 'waiting for its turn',
  pending: 'building',
  failed: 'build failed',
  canceled: 'build canceled',
  succeeded: 'build succeeded, releasing',
};

/** The tone of a moment: what its mark is coloured by. */
export function momentTone(moment: Moment): 'good' | 'busy' | 'bad' | 'grey' {
  if (moment.kind === 'release' && moment.release.undone_by !== null) return 'bad';
  const { status } = moment.kind === 'release' ? moment.release : moment.build;
  if (status === 'pending' || status === 'queued') return 'busy';
  if (status === 'failed') return 'bad';
  return status === 'succeeded' ? 'good' : 'grey';
}

/** What is to be said of its status; empty when all went well. */
export function momentStatus(moment: Moment): string {
  if (moment.kind === 'release') {
    const { status, undone_by: undoneBy } = moment.release;
    if (undoneBy !== null) return `rolled back by v${undoneBy}`;
    return releaseWords[status] ?? status;
  }
  return buildWords[moment.build.status] ?? moment.build.status;
}

/** What happened: "Deploy 1a2b3c4d", "Set FOO config vars", "Build of 1a2b3c4d". */
export function momentTitle(moment: Moment): string {
  if (moment.kind === 'release') return moment.release.description;
  const version = moment.build.source_blob?.version;
  return version ? `Build of ${shortCommit(version)}` : 'Build';
}

/** The commit of a moment, when its title does not already say it. */
export function momentCommit(moment: Moment): string | undefined {
  if (moment.kind === 'build') return undefined;
  const commit = commitOf(moment.release, moment.build);
  return commit && !moment.release.description.includes(commit) ? commit : undefined;
}

/** A link to the output of the build behind a moment; nothing for config changes. */
export function BuildLink({ app, moment }: { app: string; moment: Moment }) {
  if (!moment.build) return null;
  const label = moment.kind === 'release' ? `Build output of v${moment.release.version}` : 'Build output';
  return (
    <Link to={buildPath(app, moment.build.id)} class="build-link" aria-label={label}>
      Build output
    </Link>
  );
}
