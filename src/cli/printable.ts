// Text from apps and other users, made safe for a terminal.

/** `text` with control bytes written as `\x1b`, except tabs, line ends (CRLF too) and colour sequences (SGR). */
export function printable(text: string): string {
  return text
    .replace(/\r+(?=\n|$)/g, '')
    .replace(
      /\u001b\[[0-9;:]*m|[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
      (found) => (found.length > 1 ? found : escapeCharacter(found)),
    );
}

/** `value` as JSON that is safe for a terminal: what JSON leaves as it is, but a terminal acts upon, is escaped, too. */
export function printableJson(value: unknown, indent?: number): string {
  return JSON.stringify(value, undefined, indent).replace(
    /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** True when `text` sets a colour, so that the line must end with a reset. */
export function hasColorSequence(text: string): boolean {
  return text.includes('\u001b[');
}

function escapeCharacter(character: string): string {
  const code = character.charCodeAt(0);
  return code < 0x100
    ? `\\x${code.toString(16).padStart(2, '0')}`
    : `\\u${code.toString(16).padStart(4, '0')}`;
}
