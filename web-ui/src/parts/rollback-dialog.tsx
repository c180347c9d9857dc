import type { Release } from '../api/types.js';
import { useAction } from '../live/use-action.js';
import { useLive } from '../live/use-live.js';
import { usePlatform } from '../platform.js';
import type { AppFacts } from '../state/app-facts.js';
import { type ConfigChange, configChanges } from '../state/config-diff.js';
import { codeCommit } from '../state/timeline.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';
import { Ago } from './time.js';

const compareAgainMs = 60_000;

/** Shows what a rollback changes (code and config vars) before it is done. */
export function RollbackDialog(props: {
  facts: AppFacts;
  target: Release;
  refresh: () => Promise<void>;
  onClose: () => void;
}) {
  const { facts, target, refresh, onClose } = props;
  const app = facts.app.name;
  const current = facts.releases.find((release) => release.current);
  const { client, notify } = usePlatform();
  const rollback = useAction(async () => {
    const made = await client.rollback(app, target.id);
    notify({ tone: 'good', text: `Rolled ${app} back to v${target.version}: it is v${made.version}.` });
    await refresh();
    onClose();
  });
  return (
    <Dialog title={`Roll back to v${target.version}?`} onClose={onClose} testId="rollback-dialog">
      <table class="compare">
        <thead>
          <tr>
            <td />
            <th scope="col">Now</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">Release</th>
            <td>{current ? `v${current.version} ${current.description}` : 'none'}</td>
            <td>
              v{target.version} {target.description}, <Ago at={target.created_at} />
            </td>
          </tr>
          <tr>
            <th scope="row">Code</th>
            <td>{codeName(current, facts)}</td>
            <td>{isSameCode(current, target) ? 'the same' : codeName(target, facts)}</td>
          </tr>
        </tbody>
      </table>
      {current && <ConfigDifference app={app} current={current} target={target} />}
      <p class="hint">
        Makes a new release with the code and config vars of v{target.version}. Scale, domains and data stay
        as they are.
        {current && ` To undo, roll back to v${current.version}.`}
      </p>
      <Problem error={rollback.error} />
      <div class="dialog-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="main" isBusy={rollback.isBusy} onClick={() => void rollback.run()}>
          {rollback.isBusy ? 'Rolling back…' : `Roll back to v${target.version}`}
        </Button>
      </div>
    </Dialog>
  );
}

function ConfigDifference({ app, current, target }: { app: string; current: Release; target: Release }) {
  const { client } = usePlatform();
  const live = useLive(
    `compare ${app} ${current.version} ${target.version}`,
    async (signal) => {
      const [from, to] = await Promise.all([
        client.getReleaseConfig(app, current.version, signal),
        client.getReleaseConfig(app, target.version, signal),
      ]);
      return configChanges(from, to);
    },
    compareAgainMs,
  );
  if (!live.data) {
    return live.error ? (
      <Problem error={live.error} onRetry={() => void live.refresh()} />
    ) : (
      <p>Comparing config vars…</p>
    );
  }
  return <ChangeList changes={live.data} />;
}

function ChangeList({ changes }: { changes: readonly ConfigChange[] }) {
  if (changes.length === 0) return <p>Config vars stay the same.</p>;
  return (
    <>
      <p>Config vars:</p>
      <ul class="changes" data-testid="rollback-config">
        {changes.map(({ key, kind }) => (
          <li key={key} class={`change-${kind}`}>
            <code>{key}</code>{' '}
            {kind === 'changed' ? 'gets its old value' : kind === 'added' ? 'comes back' : 'is removed'}
          </li>
        ))}
      </ul>
    </>
  );
}

function codeName(release: Release | undefined, facts: AppFacts): string {
  if (!release?.slug) return 'none';
  return codeCommit(release, facts) ?? release.slug.id.slice(0, 12);
}

function isSameCode(a: Release | undefined, b: Release): boolean {
  return a?.slug?.id !== undefined && a.slug.id === b.slug?.id;
}
