import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, type Client } from '../api/client.js';
import { asApiError } from './use-live.js';

/** The text of a build so far. `lost` counts characters left out at the top of a very long output. */
export interface Output {
  readonly text: string;
  readonly lost: number;
  readonly state: 'loading' | 'live' | 'ended' | 'failed';
  readonly error: ApiError | undefined;
}

const longestText = 1_000_000;
const retryMs = 1500;
const nothing: Output = { text: '', lost: 0, state: 'loading', error: undefined };

/**
 * Follows an output stream to its end, once for each `key`: its address is signed anew at each look at the build. After a
 * break it reads again, by the newest address: the stream always begins at the start.
 */
export function useOutput(
  client: Client,
  stream: { readonly key: string; readonly url: string },
  onEnd: () => void,
): Output {
  const [output, setOutput] = useState<Output>(nothing);
  const newest = useRef({ url: stream.url, onEnd });
  newest.current = { url: stream.url, onEnd };
  useEffect(() => {
    const end = new AbortController();
    setOutput(nothing);
    const url = () => newest.current.url;
    void follow({ client, url, signal: end.signal, show: setOutput }).then(
      (isDone) => isDone && newest.current.onEnd(),
    );
    return () => end.abort();
  }, [client, stream.key]);
  return output;
}

async function follow(options: {
  client: Client;
  url: () => string;
  signal: AbortSignal;
  show: (output: Output) => void;
}): Promise<boolean> {
  const { client, url, signal, show } = options;
  while (!signal.aborted) {
    try {
      await readOnce({ client, url: url(), signal, show });
      return true;
    } catch (error) {
      if (signal.aborted) return false;
      const problem = asApiError(error);
      const canRetry = error instanceof ApiError && problem.isUnreachable;
      if (!canRetry) {
        show({ ...nothing, state: 'failed', error: problem });
        return false;
      }
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
  return false;
}

async function readOnce(options: {
  client: Client;
  url: string;
  signal: AbortSignal;
  show: (output: Output) => void;
}): Promise<void> {
  const { client, url, signal, show } = options;
  let text = '';
  let lost = 0;
  let frame = 0;
  const draw = (state: Output['state']) => show({ text, lost, state, error: undefined });
  try {
    for await (const chunk of await client.stream(url, { signal })) {
      text += chunk;
      if (text.length > longestText) {
        const cut = text.indexOf('\n', text.length - longestText) + 1 || text.length - longestText;
        lost += cut;
        text = text.slice(cut);
      }
      if (frame === 0) {
        frame = requestAnimationFrame(() => {
          frame = 0;
          draw('live');
        });
      }
    }
    cancelAnimationFrame(frame);
    draw('ended');
  } finally {
    cancelAnimationFrame(frame);
  }
}
