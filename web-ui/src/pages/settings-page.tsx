import { useState } from 'preact/hooks';
import { useAction } from '../live/use-action.js';
import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { Problem } from '../parts/problem.js';
import { usePlatform } from '../platform.js';
import { appPath } from '../routes.js';
import type { AppPageProps } from './app-page.js';

/** Maintenance mode, the name, and the end of an app. */
export function SettingsPage({ facts, refresh }: AppPageProps) {
  const { app } = facts;
  return (
    <div class="settings">
      <Maintenance app={app.name} isOn={app.maintenance} refresh={refresh} />
      <Rename name={app.name} gitUrl={app.git_url} />
      <Destroy name={app.name} />
    </div>
  );
}

function Maintenance({ app, isOn, refresh }: { app: string; isOn: boolean; refresh: () => Promise<void> }) {
  const { client } = usePlatform();
  const change = useAction(async () => {
    await client.updateApp(app, { maintenance: !isOn });
    await refresh();
  });
  return (
    <section class="setting" aria-labelledby="maintenance">
      <div>
        <h2 id="maintenance">Maintenance mode</h2>
        <p class="hint">Visitors see the maintenance page (H80, status 503). Dynos keep running.</p>
        <Problem error={change.error} />
      </div>
      <button
        type="button"
        class="switch"
        role="switch"
        aria-checked={isOn}
        aria-labelledby="maintenance"
        aria-busy={change.isBusy}
        onClick={() => void change.run()}
      >
        <i aria-hidden="true" />
        {isOn ? 'On' : 'Off'}
      </button>
    </section>
  );
}

function Rename({ name, gitUrl }: { name: string; gitUrl: string }) {
  const { client, navigate, notify } = usePlatform();
  const [next, setNext] = useState(name);
  const rename = useAction(async () => {
    const app = await client.updateApp(name, { name: next.trim() });
    notify({
      tone: 'good',
      text: `${name} is now ${app.name}.`,
      hint: `In your repository: git remote set-url paas ${app.git_url}`,
    });
    navigate(appPath(app.name, 'settings'));
  });
  return (
    <section class="setting" aria-labelledby="rename">
      <div>
        <h2 id="rename">Name</h2>
        <p class="hint">The address and the Git remote ({gitUrl}) change with it. Custom domains stay.</p>
        <Problem error={rename.error} />
      </div>
      <form
        class="inline-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (next.trim() !== name) void rename.run();
        }}
      >
        <input
          class="mono"
          aria-label="App name"
          required
          maxLength={30}
          autocapitalize="off"
          autocomplete="off"
          spellcheck={false}
          value={next}
          onInput={(event) => setNext(event.currentTarget.value)}
        />
        <Button type="submit" isBusy={rename.isBusy} disabled={next.trim() === name || next.trim() === ''}>
          {rename.isBusy ? 'Renaming…' : 'Rename'}
        </Button>
      </form>
    </section>
  );
}

function Destroy({ name }: { name: string }) {
  const [isAsking, setIsAsking] = useState(false);
  return (
    <section class="setting" aria-labelledby="destroy">
      <div>
        <h2 id="destroy">Destroy</h2>
        <p class="hint">
          Stops every dyno and removes the app with its releases, config vars, domains and logs.
        </p>
      </div>
      <Button look="danger" onClick={() => setIsAsking(true)}>
        Destroy {name}…
      </Button>
      {isAsking && <DestroyDialog name={name} onClose={() => setIsAsking(false)} />}
    </section>
  );
}

function DestroyDialog({ name, onClose }: { name: string; onClose: () => void }) {
  const { client, navigate, notify } = usePlatform();
  const [typed, setTyped] = useState('');
  const destroy = useAction(async () => {
    await client.destroyApp(name);
    notify({ tone: 'good', text: `Destroyed ${name}.` });
    navigate('/');
  });
  return (
    <Dialog title={`Destroy ${name}?`} onClose={onClose} testId="destroy-dialog">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          if (typed === name) void destroy.run();
        }}
      >
        <p>This cannot be undone.</p>
        <label>
          <span>
            Type <b class="mono">{name}</b> to confirm
          </span>
          <input
            class="mono"
            autocapitalize="off"
            autocomplete="off"
            spellcheck={false}
            value={typed}
            onInput={(event) => setTyped(event.currentTarget.value)}
          />
        </label>
        <Problem error={destroy.error} />
        <div class="dialog-end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="danger" disabled={typed !== name} isBusy={destroy.isBusy}>
            {destroy.isBusy ? 'Destroying…' : 'Destroy app'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
