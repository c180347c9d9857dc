import { useState } from 'preact/hooks';
import type { Domain } from '../api/types.js';
import { useAction } from '../live/use-action.js';
import { useLive } from '../live/use-live.js';
import { Button } from '../parts/button.js';
import { Dialog } from '../parts/dialog.js';
import { Problem, StaleBar } from '../parts/problem.js';
import { Ago } from '../parts/time.js';
import { usePlatform } from '../platform.js';

const refreshMs = 10_000;

/** The hostnames that lead to the app: its own, and custom ones to add and remove. */
export function DomainsPage({ app, webUrl }: { app: string; webUrl: string | null }) {
  const { client } = usePlatform();
  const live = useLive(`domains ${app}`, (signal) => client.listDomains(app, signal), refreshMs);
  const [leaving, setLeaving] = useState<string | undefined>();
  if (!live.data) {
    return live.error ? (
      <Problem error={live.error} onRetry={() => void live.refresh()} />
    ) : (
      <div class="row-loading" role="status" aria-label="Loading domains" />
    );
  }
  const custom = live.data.filter((domain) => domain.kind === 'custom');
  return (
    <section aria-labelledby="domains">
      <StaleBar error={live.error} />
      <h2 id="domains">Domains</h2>
      <ul class="domains" aria-label="Domains">
        {live.data.map((domain) => (
          <DomainLine
            key={domain.id}
            domain={domain}
            webUrl={webUrl}
            onRemove={() => setLeaving(domain.hostname)}
          />
        ))}
      </ul>
      {custom.length === 0 && (
        <p class="hint">No custom domain yet. Point its DNS name at this server, then add it here.</p>
      )}
      <AddDomain app={app} refresh={live.refresh} />
      {leaving !== undefined && (
        <RemoveDomain
          app={app}
          hostname={leaving}
          refresh={live.refresh}
          onClose={() => setLeaving(undefined)}
        />
      )}
    </section>
  );
}

function DomainLine(props: { domain: Domain; webUrl: string | null; onRemove: () => void }) {
  const { domain, webUrl, onRemove } = props;
  const isOwn = domain.kind !== 'custom';
  const port = webUrl ? new URL(webUrl).port : '';
  return (
    <li class="domain" data-testid={`domain-${domain.hostname}`}>
      <a
        class="mono"
        href={`http://${domain.hostname}${port && `:${port}`}/`}
        target="_blank"
        rel="noreferrer"
      >
        {domain.hostname}
      </a>
      <span class="hint">
        {isOwn ? (
          'given with the app'
        ) : (
          <>
            {domain.cname && <>CNAME to {domain.cname}, </>}added <Ago at={domain.created_at} />
          </>
        )}
        {domain.shadowed_by && <>, but it leads to {domain.shadowed_by}</>}
      </span>
      {!isOwn && (
        <Button look="quiet" onClick={onRemove} aria-label={`Remove ${domain.hostname}`}>
          Remove
        </Button>
      )}
    </li>
  );
}

function AddDomain({ app, refresh }: { app: string; refresh: () => Promise<void> }) {
  const { client, notify } = usePlatform();
  const [hostname, setHostname] = useState('');
  const add = useAction(async () => {
    const domain = await client.addDomain(app, hostname.trim());
    setHostname('');
    notify({ tone: 'good', text: `Added ${domain.hostname}.` });
    await refresh();
  });
  return (
    <form
      class="inline-form"
      onSubmit={(event) => {
        event.preventDefault();
        void add.run();
      }}
    >
      <label>
        Add a domain
        <input
          class="mono"
          placeholder="www.example.com"
          required
          autocapitalize="off"
          autocomplete="off"
          spellcheck={false}
          value={hostname}
          onInput={(event) => setHostname(event.currentTarget.value)}
        />
      </label>
      <Button type="submit" look="main" isBusy={add.isBusy}>
        {add.isBusy ? 'Adding…' : 'Add domain'}
      </Button>
      <Problem error={add.error} />
    </form>
  );
}

function RemoveDomain(props: {
  app: string;
  hostname: string;
  refresh: () => Promise<void>;
  onClose: () => void;
}) {
  const { app, hostname, refresh, onClose } = props;
  const { client, notify } = usePlatform();
  const remove = useAction(async () => {
    await client.removeDomain(app, hostname);
    notify({ tone: 'good', text: `Removed ${hostname}.` });
    await refresh();
    onClose();
  });
  return (
    <Dialog title={`Remove ${hostname}?`} onClose={onClose} testId="remove-domain">
      <p>Requests for this hostname stop reaching {app} at once. It can be added again.</p>
      <Problem error={remove.error} />
      <div class="dialog-end">
        <Button onClick={onClose}>Cancel</Button>
        <Button look="danger" isBusy={remove.isBusy} onClick={() => void remove.run()}>
          {remove.isBusy ? 'Removing…' : 'Remove domain'}
        </Button>
      </div>
    </Dialog>
  );
}
