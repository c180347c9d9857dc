import { describe, expect, it } from 'vitest';
import { createTextCleaner } from '../../../src/git/clean-text.js';
import { judgePush } from '../../../src/git/push-rules.js';

const ZERO = '0'.repeat(40);
const update = (ref: string, newId = 'a'.repeat(40)) => ({ oldId: ZERO, newId, ref });

describe('judgePush', () => {
  it.each([
    [['refs/heads/main'], 'deploy'],
    [['refs/heads/master'], 'deploy'],
    [['refs/heads/main', 'refs/tags/v1'], 'deploy'],
    [['refs/tags/v1'], 'keep'],
    [['refs/heads/dev'], 'refuse'],
    [['refs/heads/main', 'refs/heads/dev'], 'refuse'],
    [['refs/heads/main', 'refs/heads/master'], 'refuse'],
    [['refs/internal'], 'refuse'],
    [['refs/heads/../x'], 'refuse'],
    [['refs/heads/a;id'], 'refuse'],
    [['refs/heads/--upload-pack=x'], 'refuse'],
    [[`refs/heads/${'x'.repeat(4000)}`], 'refuse'],
    [['HEAD'], 'refuse'],
  ])('%j: %s', (refs, kind) => {
    expect(judgePush(refs.map((ref) => update(ref))).kind).toBe(kind);
  });

  it('refuses deletes, and very many refs', () => {
    expect(judgePush([update('refs/heads/main', ZERO)]).kind).toBe('refuse');
    expect(judgePush(Array.from({ length: 501 }, (_, index) => update(`refs/tags/${index}`))).kind).toBe(
      'refuse',
    );
  });
});

describe('createTextCleaner', () => {
  it.each([
    [['plain ✓\n'], 'plain ✓\n'],
    [['\u001b[1;31mred\u001b[0m'], 'red'],
    [['a\u001b', '[3', '1mb'], 'ab'],
    [['\u001b]0;title\u0007x'], 'x'],
    [['\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\'], 'link'],
    [['50%\r100%\n'], '50%\n100%\n'],
    [['a\r', '\nb\r\n'], 'a\nb\n'],
    [['bell\u0007 null\0 c1\u009b31m tab\t'], 'bell null c131m tab\t'],
  ])('%j', (chunks, expected) => {
    const clean = createTextCleaner();
    expect(chunks.map(clean).join('')).toBe(expected);
  });
});
