import { useState } from 'preact/hooks';
import type { ConfigVars } from '../api/types.js';
import { count } from '../format/count.js';
import { useAction } from '../live/use-action.js';
import { useLive } from '../live/use-live.js';
import { Button } from '../parts/button.js';
import { AddConfigVar, ConfigRow } from '../parts/config-row.js';
import { Problem, StaleBar } from '../parts/problem.js';
import { usePlatform } from '../platform.js';
import { draftRows, type Edits, withEdit } from '../state/config-draft.js';
import type { AppPageProps } from './app-page.js';

const refreshMs = 10_000;

/** Config vars: masked until asked, edited as a draft, saved together as one release. */
export function ConfigPage({ facts, refresh }: AppPageProps) {
  const { client } = usePlatform();
  const app = facts.app.name;
  const live = useLive(`config ${app}`, (signal) => client.getConfig(app, signal), refreshMs);
  if (!live.data) {
    return live.error ? (
      <Problem error={live.error} onRetry={() => void live.refresh()} />
    ) : (
      <div class="row-loading" role="status" aria-label="Loading config vars" />
    );
  }
  const afterSave = async () => {
    await Promise.all([live.refresh(), refresh()]);
  };
  return (
    <>
      <StaleBar error={live.error} />
      <ConfigEditor app={app} saved={live.data} afterSave={afterSave} />
    </>
  );
}

function ConfigEditor({
  app,
  saved,
  afterSave,
}: {
  app: string;
  saved: ConfigVars;
  afterSave: () => Promise<void>;
}) {
  const [edits, setEdits] = useState<Edits>({});
  const [revealed, setRevealed] = useState<ReadonlySet<string>>(new Set());
  const rows = draftRows(saved, edits);
  const set = (key: string, value: string | null) =>
    setEdits((before) => withEdit(saved, before, key, value));
  const undo = (key: string) =>
    setEdits((before) => Object.fromEntries(Object.entries(before).filter(([other]) => other !== key)));
  const toggle = (key: string) =>
    setRevealed(
      (before) => new Set(before.has(key) ? [...before].filter((k) => k !== key) : [...before, key]),
    );
  const isAllShown = rows.length > 0 && rows.every((row) => revealed.has(row.key));
  return (
    <section aria-labelledby="config">
      <div class="section-head">
        <h2 id="config">{rows.length === 0 ? 'No config vars' : count(rows.length, 'config var')}</h2>
        {rows.length > 0 && (
          <Button onClick={() => setRevealed(isAllShown ? new Set() : new Set(rows.map((row) => row.key)))}>
            {isAllShown ? 'Hide all' : 'Reveal all'}
          </Button>
        )}
      </div>
      {rows.length === 0 && (
        <p class="hint">
          Config vars are the environment of your dynos: database addresses, keys, switches. Changing them
          makes a release.
        </p>
      )}
      <ul class="config" aria-label="Config vars">
        {rows.map((row) => (
          <ConfigRow
            key={row.key}
            row={row}
            isRevealed={revealed.has(row.key)}
            onToggle={() => toggle(row.key)}
            onSet={(value) => set(row.key, value)}
            onUndo={() => undo(row.key)}
          />
        ))}
      </ul>
      <AddConfigVar
        onAdd={(added) => {
          setEdits((before) =>
            Object.entries(added).reduce((all, [key, value]) => withEdit(saved, all, key, value), before),
          );
        }}
      />
      <SaveBar app={app} edits={edits} clear={() => setEdits({})} afterSave={afterSave} />
    </section>
  );
}

function SaveBar(props: { app: string; edits: Edits; clear: () => void; afterSave: () => Promise<void> }) {
  const { app, edits, clear, afterSave } = props;
  const { client, notify } = usePlatform();
  const changes = Object.keys(edits).length;
  const save = useAction(async () => {
    await client.changeConfig(app, edits);
    await afterSave();
    clear();
    notify({
      tone: 'good',
      text: `Saved ${count(changes, 'change')} as one release; dynos restart with it.`,
    });
  });
  if (changes === 0) return <Problem error={save.error} />;
  return (
    <section class="save-bar" aria-label="Unsaved changes">
      <p>
        {count(changes, 'change')} not saved: <span class="mono">{Object.keys(edits).sort().join(', ')}</span>
      </p>
      <Problem error={save.error} />
      <div class="save-bar-end">
        <Button onClick={clear}>Discard</Button>
        <Button look="main" isBusy={save.isBusy} onClick={() => void save.run()}>
          {save.isBusy ? 'Saving…' : 'Save as one release'}
        </Button>
      </div>
    </section>
  );
}
