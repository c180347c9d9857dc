// A build that yields the processor to apps: what it takes from its beginning to its end, and what its pusher is told.

import type { BuildCpu } from '../engine/build-cpu.js';

const STARVED_TEXT =
  ' !     The apps take all of the processor: the build goes on with a small share of it\n';

/** Runs the steps of a build as one of `cpu`; yields what they yield, and a line when there is no processor time left. */
export async function* atLowPriority<Result>(
  cpu: Pick<BuildCpu, 'begin'>,
  signal: AbortSignal,
  steps: AsyncGenerator<string, Result>,
): AsyncGenerator<string, Result> {
  let tell: (text: string) => void = () => undefined;
  const starved = new Promise<string>((resolve) => {
    tell = resolve;
  });
  let isTold = false;
  const share = cpu.begin(() => tell(STARVED_TEXT));
  signal.addEventListener('abort', share.hurry, { once: true });
  try {
    for (;;) {
      const next = steps.next();
      // Awaited below, unless the reader gives up first.
      next.catch(() => undefined);
      if (!isTold) {
        const first = await Promise.race([next, starved]);
        if (typeof first === 'string') {
          isTold = true;
          yield first;
        }
      }
      const step = await next;
      if (step.done) return step.value;
      yield step.value;
    }
  } finally {
    signal.removeEventListener('abort', share.hurry);
    // Ends the build when the reader gave up.
    await steps.return(undefined as Result);
    share.end();
  }
}
