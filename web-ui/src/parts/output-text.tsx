import { memo } from 'preact/compat';
import { plainText } from '../format/plain-text.js';
import type { Output } from '../live/use-output.js';

const linesAChunk = 200;

/** Build output as text: headings and errors stand out. Drawn in chunks, so that only the last one is drawn anew. */
export function OutputText({ output }: { output: Output }) {
  const lines = output.text.replace(/\r\n/g, '\n').split('\n');
  if (lines.at(-1) === '') lines.pop();
  const chunks: string[] = [];
  for (let start = 0; start < lines.length; start += linesAChunk) {
    chunks.push(lines.slice(start, start + linesAChunk).join('\n'));
  }
  return (
    <>
      {output.lost > 0 && <p class="output-cut">The beginning is left out: the output is very long.</p>}
      {chunks.map((text, index) => (
        <Chunk key={index} text={text} />
      ))}
    </>
  );
}

const Chunk = memo(function Chunk({ text }: { text: string }) {
  return (
    <pre>
      {text.split('\n').map((line, index) => (
        <span key={index} class={lineClass(line)}>
          {`${plainText(afterLastReturn(line))}\n`}
        </span>
      ))}
    </pre>
  );
});

/** Progress bars rewrite their line after a carriage return: the last state is the one to show. */
function afterLastReturn(line: string): string {
  return line.slice(line.lastIndexOf('\r', line.length - 2) + 1);
}

function lineClass(line: string): string | undefined {
  if (line.startsWith('----->')) return 'output-head';
  return line.startsWith(' !') ? 'output-error' : undefined;
}
