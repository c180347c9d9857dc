// Terminal escape sequences: CSI (colours, cursor), OSC (titles, links) and two-character ones.
const escapes = new RegExp(
  [
    '\\u001b\\[[0-?]*[ -/]*[@-~]',
    '\\u001b\\][^\\u0007\\u001b]*(?:\\u0007|\\u001b\\\\)?',
    '\\u001b[@-Z\\\\-_]',
  ].join('|'),
  'g',
);
const controls = /[\u0000-\u0008\u000b-\u001f\u007f\u0080-\u009f]/g;

/** Text of a program as plain text: terminal escapes are removed, other control characters are shown as U+FFFD. */
export function plainText(text: string): string {
  return text.replace(escapes, '').replace(controls, '\ufffd');
}
