// ~/.netrc, which git (through libcurl) reads for the user and password of a host. Pure: text in, text out.

/** The text with the entry of `machine` set; entries of other machines, comments and macros stay as they are. */
export function setNetrcEntry(
  text: string,
  entry: { machine: string; login: string; password: string },
): string {
  const rest = removeNetrcEntry(text, entry.machine);
  const separator = rest === '' || rest.endsWith('\n') ? '' : '\n';
  const added = `machine ${entry.machine}\n  login ${entry.login}\n  password ${entry.password}\n`;
  // `default` matches every host, and a reader stops at the first match: ours goes before it.
  const fallback = /^default\b/m.exec(rest);
  if (fallback === null) return `${rest}${separator}${added}`;
  return rest.slice(0, fallback.index) + added + rest.slice(fallback.index);
}

/** The text without the entry of `machine`. */
export function removeNetrcEntry(text: string, machine: string): string {
  const pieces = text.split(/^(?=[ \t]*(?:machine|default|macdef)\b)/m);
  const isOurs = (piece: string) => /^[ \t]*machine\s+(\S+)/.exec(piece)?.[1] === machine;
  return pieces.map((piece) => (isOurs(piece) ? commentsOf(piece) : piece)).join('');
}

function commentsOf(piece: string): string {
  return (piece.match(/^[ \t]*#.*\n?/gm) ?? []).join('');
}
