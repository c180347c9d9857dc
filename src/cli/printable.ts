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
