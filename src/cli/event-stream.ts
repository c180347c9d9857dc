// Server-sent events: bytes in, events out (WHATWG HTML, 9.2.6). Pure.

export interface ServerEvent {
  /** Empty when this very event names none (a reader goes on from the last one that did). */
  readonly id: string;
  /** `message` unless the server names another; `position` for one that has nothing but an id. */
  readonly type: string;
  readonly data: string;
}

const MAX_EVENT_CHARACTERS = 4 * 1024 * 1024;

/** A parser that is fed pieces of text and answers the events that are complete. */
export function createEventParser(): (text: string) => ServerEvent[] {
  let rest = '';
  let id = '';
  let type = '';
  let data: string[] = [];
  const takeLine = (line: string): ServerEvent | undefined => {
    if (line === '') {
      const event = eventOf(id, type, data);
      id = '';
      type = '';
      data = [];
      return event;
    }
    const [, field = '', value = ''] = /^([^:]*)(?:: ?([\s\S]*))?$/.exec(line) ?? [];
    if (field === 'data') data.push(value);
    else if (field === 'event') type = value;
    else if (field === 'id' && !value.includes('\0')) id = value;
    return undefined;
  };
  return (text) => {
    const events: ServerEvent[] = [];
    // A CR at the very end may be half of a CRLF.
    const lines = (rest + text).split(/\r\n|\n|\r(?=[\s\S])/);
    rest = lines.pop() ?? '';
    if (rest.length > MAX_EVENT_CHARACTERS) throw new Error('a line of the event stream is too long');
    for (const line of lines) {
      const event = takeLine(line);
      if (event !== undefined) events.push(event);
    }
    return events;
  };
}

function eventOf(id: string, type: string, data: readonly string[]): ServerEvent | undefined {
  if (data.length > 0) return { id, type: type || 'message', data: data.join('\n') };
  return id === '' ? undefined : { id, type: 'position', data: '' };
}
