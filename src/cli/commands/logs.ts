import { appFlags, defineCommand, jsonFlag, parseCount } from '../command.js';
import { parseDynoTarget } from '../dyno-target.js';
import type { ServerEvent } from '../event-stream.js';
import { createLogPainter, forTerminal, parseLogLine } from '../log-lines.js';
import { followLog, hasLines, type LogQuery } from '../log-session.js';
import { adviseOnTarget } from '../no-lines.js';
import { printableJson } from '../printable.js';
import { type Terminal, warn } from '../terminal.js';
import { writeTo } from '../write-stream.js';

/** `paas logs [-t] [-n N] [-p TYPE|DYNO] [-s SOURCE]`; `--json` prints one object a line. */
export const command = defineCommand({
  summary: 'show the log of an app',
  flags: {
    ...appFlags,
    ...jsonFlag,
    tail: { type: 'boolean', short: 't', summary: 'go on with new lines' },
    num: { type: 'string', short: 'n', value: 'N', summary: 'how many lines to begin with (100)' },
    ps: {
      type: 'string',
      short: 'p',
      value: 'PROCESS',
      summary: 'only a process type or dyno: web, web.1, router',
    },
    'process-type': { type: 'string', value: 'TYPE', summary: 'the same as --ps' },
    dyno: { type: 'string', short: 'd', value: 'DYNO', summary: 'only this dyno: web.1' },
    'dyno-name': { type: 'string', value: 'DYNO', summary: 'the same as --dyno' },
    source: { type: 'string', short: 's', value: 'SOURCE', summary: 'only app or heroku lines' },
    'no-color': { type: 'boolean', summary: 'no colours' },
    'force-colors': { type: 'boolean', summary: 'colours even when not on a terminal' },
  },
  example: 'paas logs --tail --ps web --app example',
  async run(session, { flags }) {
    const lines = parseCount('num', flags.num, 0) ?? 100;
    const target = parseDynoTarget({
      argument: undefined,
      dyno: flags.dyno ?? flags['dyno-name'],
      type: flags.ps ?? flags['process-type'],
    });
    const query: LogQuery = {
      lines,
      tail: flags.tail === true,
      ...(flags.source === undefined ? {} : { source: flags.source }),
      ...(target.kind === 'dyno' ? { dyno: target.name } : {}),
      ...(target.kind === 'type' ? { type: target.type } : {}),
    };
    const { terminal, signal } = session;
    const app = await session.app(flags);
    const api = await session.api();
    const hasColors = flags['force-colors'] === true || (terminal.hasColors && !flags['no-color']);
    const format = flags.json ? formatJson : formatText(terminal, hasColors);
    const advise = async () => {
      const advice = await adviseOnTarget(api, app, target);
      if (advice !== undefined && !(await hasLines(api, { app, query, signal }))) warn(terminal, advice);
    };
    let isEmpty = true;
    // Who follows waits: nobody would see it at the end. Without advice the log is what was asked for all the same.
    const advised = query.tail ? advise().catch(() => undefined) : undefined;
    for await (const event of followLog(api, { app, query, signal })) {
      isEmpty &&= event.type !== 'message';
      const line = format(event);
      if (line !== undefined) await writeTo(terminal.stdout, `${line}\n`, signal);
    }
    await (advised ?? (isEmpty ? advise().catch(() => undefined) : undefined));
  },
});

/** The text of a line; a `dropped` event is followed by a line that says the same. */
function formatText({ stdout }: Terminal, hasColors: boolean): (event: ServerEvent) => string | undefined {
  const color = createLogPainter();
  return (event) => {
    if (event.type !== 'message') return undefined;
    const line = hasColors ? color(event.data) : event.data;
    return stdout.isTTY ? forTerminal(line) : line;
  };
}

function formatJson(event: ServerEvent): string | undefined {
  if (event.type === 'dropped') return printableJson({ event: 'dropped', ...parseObject(event.data) });
  if (event.type !== 'message') return undefined;
  const parts = parseLogLine(event.data) ?? { message: event.data };
  return printableJson(event.id === '' ? parts : { id: event.id, ...parts });
}

function parseObject(text: string): object {
  const value: unknown = JSON.parse(text);
  return typeof value === 'object' && value !== null ? value : {};
}
