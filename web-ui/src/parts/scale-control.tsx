import { useEffect, useState } from 'preact/hooks';
import type { Dyno, FormationEntry } from '../api/types.js';
import { useAction } from '../live/use-action.js';
import { usePlatform } from '../platform.js';
import { Button } from './button.js';
import { Problem } from './problem.js';

const mostDynos = 100;

/** A stepper for the number of dynos; nothing happens before Apply. Shows how far the platform has got. */
export function ScaleControl(props: {
  app: string;
  entry: FormationEntry;
  dynos: readonly Dyno[];
  refresh: () => Promise<void>;
}) {
  const { app, entry, dynos, refresh } = props;
  const { client } = usePlatform();
  const { type } = entry;
  const [wanted, setWanted] = useState<number | undefined>();
  const [asked, setAsked] = useState<number | undefined>();
  const scale = useAction(async (quantity: number) => {
    setAsked(quantity);
    setWanted(undefined);
    await client.scale(app, [{ type, quantity }]).catch((error: unknown) => {
      setAsked(undefined);
      setWanted(quantity);
      throw error;
    });
    await refresh();
  });
  useEffect(() => {
    if (asked === entry.quantity) setAsked(undefined);
  }, [asked, entry.quantity]);
  const current = asked ?? entry.quantity;
  const shown = wanted ?? current;
  const set = (quantity: number) => setWanted(clamp(quantity) === current ? undefined : clamp(quantity));
  return (
    <div class="scale">
      <ScaleProgress quantity={current} dynos={dynos} />
      <fieldset class="stepper" aria-label={`Number of ${type} dynos`}>
        <button
          type="button"
          aria-label={`One ${type} dyno less`}
          disabled={shown <= 0}
          onClick={() => set(shown - 1)}
        >
          −
        </button>
        <input
          type="text"
          inputMode="numeric"
          aria-label={`${type} dynos`}
          data-testid={`scale-${type}`}
          value={shown}
          onInput={(event) => set(Number.parseInt(event.currentTarget.value, 10) || 0)}
          onKeyDown={(event) => {
            if (event.key === 'Enter' && wanted !== undefined) void scale.run(wanted);
            if (event.key === 'ArrowUp') set(shown + 1);
            if (event.key === 'ArrowDown') set(shown - 1);
            if (event.key === 'Escape') setWanted(undefined);
          }}
        />
        <button
          type="button"
          aria-label={`One ${type} dyno more`}
          disabled={shown >= mostDynos}
          onClick={() => set(shown + 1)}
        >
          +
        </button>
      </fieldset>
      {wanted !== undefined && (
        <Button
          look="main"
          isBusy={scale.isBusy}
          onClick={() => void scale.run(wanted)}
          aria-label={`Scale ${type} from ${current} to ${wanted}`}
        >
          Apply {current} → {wanted}
        </Button>
      )}
      <Problem error={scale.error} />
    </div>
  );
}

function ScaleProgress({ quantity, dynos }: { quantity: number; dynos: readonly Dyno[] }) {
  const up = dynos.filter((dyno) => dyno.state === 'up').length;
  const isAsleep = dynos.some((dyno) => dyno.state === 'idle');
  if ((up === quantity || isAsleep) && dynos.length === quantity) return null;
  const text = dynos.length > quantity ? `stopping ${dynos.length - quantity}` : `${up} of ${quantity} up`;
  return (
    <span class="scale-progress" role="status">
      {text}
    </span>
  );
}

function clamp(quantity: number): number {
  return Math.min(mostDynos, Math.max(0, quantity));
}
