// Ctrl-C as something a command can react to. The second one always ends the process at once.

export interface Interrupt extends AsyncDisposable {
  /** Aborted by the first Ctrl-C (or SIGTERM). */
  readonly signal: AbortSignal;
  /** What to do then; `onError` gets its failure. Its end is awaited when the interrupt is disposed of. */
  onInterrupt(react: () => Promise<void>, onError: (error: unknown) => void): void;
}

/** Takes Ctrl-C from the process until it is disposed of. */
export function interruptible(): Interrupt {
  const controller = new AbortController();
  let reaction: Promise<void> | undefined;
  const take = () => {
    stop();
    controller.abort(new Error('interrupted'));
  };
  const stop = () => {
    process.off('SIGINT', take);
    process.off('SIGTERM', take);
  };
  process.on('SIGINT', take);
  process.on('SIGTERM', take);
  return {
    signal: controller.signal,
    onInterrupt: (react, onError) => {
      const start = () => {
        reaction = react().catch(onError);
      };
      if (controller.signal.aborted) start();
      else controller.signal.addEventListener('abort', start, { once: true });
    },
    [Symbol.asyncDispose]: async () => {
      stop();
      await reaction;
    },
  };
}
