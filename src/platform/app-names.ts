// Names for apps that were created without one, such as `quiet-harbor-48213`.

import { customAlphabet } from 'nanoid';

const ADJECTIVES =
  'amber bold brisk calm clear crisp dusty early fair gentle golden hidden ivory jolly keen late lively lunar mellow misty noble pale proud quiet rapid silent silver snowy solar still sunny swift tidy vivid warm wild young'.split(
    ' ',
  );
const NOUNS =
  'bay brook canyon cedar cliff cloud comet cove creek delta dune ember falcon field fjord forest garden glade grove harbor heron hill island lagoon lake lark maple meadow mesa moon orchard peak pine pond prairie reef ridge river shore sky spring stone stream summit tide trail valley wave willow wind'.split(
    ' ',
  );

const digits = customAlphabet('0123456789', 5);
const letterIndex = customAlphabet('0123456789abcdef', 4);

/** A random name that reads well; 900 million of them. */
export function randomAppName(): string {
  return `${pick(ADJECTIVES)}-${pick(NOUNS)}-${digits()}`;
}

function pick(words: readonly string[]): string {
  return words[Number.parseInt(letterIndex(), 16) % words.length] ?? 'app';
}
