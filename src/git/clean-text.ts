// Makes build output safe for the terminal of whoever pushed: no escape sequences, no control characters. Pure.

/** Cleans a stream of text, chunk by chunk; an escape sequence may be cut in two between chunks. */
export function createTextCleaner(): (chunk: string) => string {
  let held = '';
  return (chunk) => {
    const text = held + chunk;
    const cut = HELD_BACK.exec(text);
    held = cut !== null && cut[0].length <= MAX_HELD ? cut[0] : '';
    const ready = held === '' ? text : text.slice(0, -held.length);
    return ready
      .replace(ESCAPE_SEQUENCE, '')
      .replace(/\r+\n/g, '\n')
      .replace(/\r/g, '\n')
      .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g, '');
  };
}

const MAX_HELD = 256;
// ECMA-48: CSI sequences, OSC and the other strings up to BEL or ST, and two- or three-character escapes.
const ESCAPE_SEQUENCE =
  /\u001b(?:\[[0-?]*[ -/]*[@-~]|[\]PX^_][^\u0007\u001b]*(?:\u0007|\u001b\\|$)|[ -/]*[0-~])/g;
// The start of a sequence at the end of a chunk, or a CR whose LF may follow.
const HELD_BACK = /(?:\u001b(?:\[[0-?]*[ -/]*|[\]PX^_][^\u0007\u001b]*\u001b?|[ -/]*)?|\r+)$/;
