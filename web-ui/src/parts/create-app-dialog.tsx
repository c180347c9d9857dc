import { useState } from 'preact/hooks';
import { useAction } from '../live/use-action.js';
import { usePlatform } from '../platform.js';
import { appPath } from '../routes.js';
import { Button } from './button.js';
import { Dialog } from './dialog.js';
import { Problem } from './problem.js';

/** Asks for a name (or none) and makes the app. */
export function CreateAppDialog({ onClose }: { onClose: () => void }) {
  const { client, navigate } = usePlatform();
  const [name, setName] = useState('');
  const create = useAction(async () => {
    const app = await client.createApp(name.trim() || undefined);
    navigate(appPath(app.name));
  });
  return (
    <Dialog title="New app" onClose={onClose} testId="create-app">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void create.run();
        }}
      >
        <label>
          Name
          <input
            class="mono"
            value={name}
            maxLength={30}
            autocapitalize="off"
            autocomplete="off"
            spellcheck={false}
            onInput={(event) => setName(event.currentTarget.value)}
          />
          <span class="hint">Small letters, digits and dashes. Leave it empty and one is made up.</span>
        </label>
        <Problem error={create.error} />
        <div class="dialog-end">
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="main" isBusy={create.isBusy}>
            {create.isBusy ? 'Creating…' : 'Create app'}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
