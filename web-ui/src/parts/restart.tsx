import { useAction } from '../live/use-action.js';
import { usePlatform } from '../platform.js';
import { Button } from './button.js';
import { Problem } from './problem.js';

/** Restarts all dynos of an app. */
export function RestartAll({ app, refresh }: { app: string; refresh: () => Promise<void> }) {
  const { client, notify } = usePlatform();
  const restart = useAction(async () => {
    await client.restartDynos(app);
    notify({ tone: 'good', text: `Restarting the dynos of ${app}.` });
    await refresh();
  });
  return (
    <>
      <Button onClick={() => void restart.run()} isBusy={restart.isBusy}>
        {restart.isBusy ? 'Restarting…' : 'Restart all'}
      </Button>
      <Problem error={restart.error} />
    </>
  );
}

/** Restarts one dyno. */
export function RestartOne({
  app,
  dyno,
  refresh,
}: {
  app: string;
  dyno: string;
  refresh: () => Promise<void>;
}) {
  const { client, notify } = usePlatform();
  const restart = useAction(async () => {
    await client.restartDynos(app, dyno);
    notify({ tone: 'good', text: `Restarting ${dyno}.` });
    await refresh();
  });
  return (
    <>
      <Button
        look="quiet"
        onClick={() => void restart.run()}
        isBusy={restart.isBusy}
        aria-label={`Restart ${dyno}`}
      >
        Restart
      </Button>
      <Problem error={restart.error} />
    </>
  );
}
