import { expect, it } from 'vitest';
import { atLowPriority } from '../../../src/build/at-low-priority.js';

function cpu() {
  const seen: string[] = [];
  let starve: () => void = () => undefined;
  return {
    seen,
    starve: () => starve(),
    begin(onStarved: () => void) {
      seen.push('begin');
      starve = onStarved;
      return { hurry: () => seen.push('hurry'), end: () => seen.push('end') };
    },
  };
}

it('passes output and result on, and says once when apps leave nothing', async () => {
  const share = cpu();
  async function* steps() {
    yield 'a';
    share.starve();
    // The reader has it before the build says anything more.
    yield await Promise.resolve().then(() => 'b');
    share.starve();
    yield 'c';
    return 7;
  }
  const all = atLowPriority(share, new AbortController().signal, steps());
  let output = '';
  for (;;) {
    const step = await all.next();
    if (step.done) {
      expect(step.value).toBe(7);
      break;
    }
    output += step.value;
  }
  expect(output).toMatch(/^a ! {5}The apps take all of the processor.*\nbc$/);
  expect(share.seen).toEqual(['begin', 'end']);
});

it('hurries when the build is ended, and ends when its reader gives up', async () => {
  const share = cpu();
  const end = new AbortController();
  let isClosed = false;
  async function* steps() {
    try {
      yield 'a';
    } finally {
      isClosed = true;
    }
  }
  const all = atLowPriority(share, end.signal, steps());
  await all.next();
  end.abort();
  await all.return(undefined);
  expect(isClosed).toBe(true);
  expect(share.seen).toEqual(['begin', 'hurry', 'end']);
});
