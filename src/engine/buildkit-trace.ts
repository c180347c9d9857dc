// BuildKit's progress messages: the few fields of moby.buildkit.v1.StatusResponse that a reader of the output needs, and
// their text in the manner of `docker build --progress=plain`. Pure.
// https://github.com/moby/buildkit/blob/master/api/services/control/control.proto

/** One step of a Dockerfile build. */
export interface Vertex {
  readonly digest: string;
  readonly name: string;
  readonly cached: boolean;
  readonly started: boolean;
  readonly completed: boolean;
  readonly error: string;
}

export interface BuildkitStatus {
  readonly vertexes: readonly Vertex[];
  readonly logs: readonly { readonly vertex: string; readonly text: Buffer }[];
}

/** Reads the `aux` value of a `moby.buildkit.trace` message. */
export function decodeBuildkitTrace(base64: string): BuildkitStatus {
  const fields = readFields(Buffer.from(base64, 'base64'));
  return {
    vertexes: fields.flatMap((f) => (f.number === 1 ? [readVertex(f.bytes)] : [])),
    logs: fields.flatMap((f) => (f.number === 3 ? [readLog(f.bytes)] : [])),
  };
}

/** Turns statuses into lines: every step once with its number, its output, and how it ended. */
export class BuildkitPrinter {
  readonly #numbers = new Map<string, number>();
  readonly #ended = new Set<string>();
  readonly #partial = new Map<string, string>();

  /** Whole lines for this status, each with its newline. */
  print(status: BuildkitStatus): string {
    let text = '';
    for (const vertex of status.vertexes) text += this.#start(vertex);
    for (const log of status.logs) text += this.#log(log.vertex, log.text.toString('utf8'));
    for (const vertex of status.vertexes) text += this.#end(vertex);
    return text;
  }

  #start(vertex: Vertex): string {
    if (this.#numbers.has(vertex.digest) || !(vertex.started || vertex.cached) || isInternal(vertex))
      return '';
    const number = this.#numbers.size + 1;
    this.#numbers.set(vertex.digest, number);
    return `#${number} ${vertex.name}\n`;
  }

  #log(digest: string, text: string): string {
    const number = this.#numbers.get(digest);
    if (number === undefined) return '';
    const lines = ((this.#partial.get(digest) ?? '') + text).split('\n');
    this.#partial.set(digest, (lines.pop() ?? '').slice(-64 * 1024));
    return lines.map((line) => `#${number} ${line.replace(/\r$/, '')}\n`).join('');
  }

  #end(vertex: Vertex): string {
    const number = this.#numbers.get(vertex.digest);
    if (number === undefined || this.#ended.has(vertex.digest)) return '';
    if (!vertex.completed && vertex.error === '') return '';
    this.#ended.add(vertex.digest);
    const rest = this.#partial.get(vertex.digest) ?? '';
    const last = rest === '' ? '' : `#${number} ${rest}\n`;
    if (vertex.error !== '') return `${last}#${number} ERROR: ${vertex.error}\n`;
    return `${last}#${number} ${vertex.cached ? 'CACHED' : 'DONE'}\n`;
  }
}

function isInternal(vertex: Vertex): boolean {
  return /^\[internal\]|^copy \/context/.test(vertex.name) && vertex.error === '';
}

interface Field {
  readonly number: number;
  /** Of a length-delimited field. */
  readonly bytes: Buffer;
  /** Of a varint field. */
  readonly value: number;
}

const NO_BYTES = Buffer.alloc(0);

function readVertex(bytes: Buffer): Vertex {
  const fields = readFields(bytes);
  const text = (number: number) => fields.find((f) => f.number === number)?.bytes.toString('utf8') ?? '';
  const has = (number: number) => fields.some((f) => f.number === number);
  return {
    digest: text(1),
    name: text(3),
    cached: fields.some((f) => f.number === 4 && f.value !== 0),
    started: has(5),
    completed: has(6),
    error: text(7),
  };
}

function readLog(bytes: Buffer): BuildkitStatus['logs'][number] {
  const fields = readFields(bytes);
  return {
    vertex: fields.find((f) => f.number === 1)?.bytes.toString('utf8') ?? '',
    text: fields.find((f) => f.number === 4)?.bytes ?? NO_BYTES,
  };
}

// The wire format: https://protobuf.dev/programming-guides/encoding/
function readFields(bytes: Buffer): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let factor = 1; at < bytes.length; factor *= 128) {
      const byte = bytes[at++] ?? 0;
      value += (byte & 127) * factor;
      if (byte < 128) break;
    }
    return value;
  };
  while (at < bytes.length) {
    const tag = varint();
    const number = Math.floor(tag / 8);
    const type = tag % 8;
    if (type === 0) {
      fields.push({ number, bytes: NO_BYTES, value: varint() });
    } else if (type === 2) {
      const end = varint() + at;
      fields.push({ number, bytes: bytes.subarray(at, end), value: 0 });
      at = end;
    } else if (type === 1 || type === 5) {
      at += type === 1 ? 8 : 4;
    } else {
      break;
    }
  }
  return fields;
}
