// How many requests each server answered, as HAProxy counts them. Pure.

/** Since the worker of HAProxy began, or the server was added to it. */
export interface ServerTraffic {
  readonly appId: string;
  /** Server name, unique for each container. */
  readonly server: string;
  readonly requests: number;
  /** Answered with 5xx, by the server or, because it did not answer, by the router. */
  readonly errors: number;
}

const CLASSES = ['hrsp_2xx', 'hrsp_3xx', 'hrsp_4xx', 'hrsp_5xx', 'hrsp_other'];

/** Reads the reply to `show stat -1 4 -1`: the servers of all apps. */
export function parseTraffic(reply: string): ServerTraffic[] {
  const lines = reply.split('\n');
  const names = (lines.find((line) => line.startsWith('# ')) ?? '').slice(2).split(',');
  const column = new Map(names.map((name, index) => [name, index]));
  const field = (row: readonly string[], name: string) => row[column.get(name) ?? -1] ?? '';
  const traffic: ServerTraffic[] = [];
  for (const line of lines) {
    if (!line.startsWith('app-')) continue;
    const row = line.split(',');
    const unanswered = Number(field(row, 'eresp'));
    const answered = CLASSES.reduce((sum, name) => sum + Number(field(row, name)), 0);
    traffic.push({
      appId: field(row, 'pxname').slice('app-'.length),
      server: field(row, 'svname'),
      requests: answered + unanswered,
      errors: Number(field(row, 'hrsp_5xx')) + unanswered,
    });
  }
  return traffic;
}
