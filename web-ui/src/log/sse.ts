/** One event of a server-sent stream; `event` is `message` unless the server named it. */
export interface SseEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: string;
}

/** Cuts a stream into events (HTML standard, 9.2.6). Feed it chunks as they come; comments only return no event. */
export function createSseParser(): (chunk: string) => SseEvent[] {
  let rest = '';
  let fields = noFields();
  return (chunk) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    const events: SseEvent[] = [];
    for (const raw of lines) {
      const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
      if (line !== '') {
        readField(fields, line);
        continue;
      }
      if (fields.data.length > 0) {
        events.push({ id: fields.id, event: fields.event || 'message', data: fields.data.join('\n') });
      }
      fields = noFields();
    }
    return events;
  };
}

interface Fields {
  id: string | undefined;
  event: string;
  data: string[];
}

function noFields(): Fields {
  return { id: undefined, event: '', data: [] };
}

function readField(fields: Fields, line: string): void {
  const colon = line.indexOf(':');
  if (colon === 0) return;
  const name = colon === -1 ? line : line.slice(0, colon);
  const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
  if (name === 'data') fields.data.push(value);
  if (name === 'event') fields.event = value;
  if (name === 'id') fields.id = value;
}
