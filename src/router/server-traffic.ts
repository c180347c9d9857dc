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
  const place = (name: string) => names.indexOf(name);
  const [app, server, unansweredAt, failedAt] = ['pxname', 'svname', 'eresp', 'hrsp_5xx'].map(place);
  const classes = CLASSES.map(place);
  const at = (row: readonly string[], index: number | undefined) => row[index ?? -1] ?? '';
  const traffic: ServerTraffic[] = [];
  for (const line of lines) {
    if (!line.startsWith('app-')) continue;
    const row = line.split(',');
    const unanswered = Number(at(row, unansweredAt));
    const answered = classes.reduce((sum, index) => sum + Number(at(row, index)), 0);
    traffic.push({
      appId: at(row, app).slice('app-'.length),
      server: at(row, server),
      requests: answered + unanswered,
      errors: Number(at(row, failedAt)) + unanswered,
    });
  }
  return traffic;
}
