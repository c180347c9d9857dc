import { fullTime } from '../format/time.js';
import { type LogEntry, printLogLine } from '../log/line.js';
import { dynoPath } from '../routes.js';
import { Button } from './button.js';
import { CopyButton } from './commands.js';
import { Link } from './link.js';

/** One line in full, whatever its length. */
export function LogDetail(props: {
  app: string;
  entry: LogEntry;
  onClose: () => void;
  onOnly: (process: string) => void;
}) {
  const { app, entry, onClose, onOnly } = props;
  return (
    <aside class="log-detail" aria-label="The chosen line">
      <div class="log-detail-head">
        <span class="mono">
          {entry.source}[{entry.process}]
        </span>
        <span class="hint">{fullTime(entry.time)}</span>
        <span class="log-detail-end">
          {isDyno(entry.process) && <Link to={dynoPath(app, entry.process)}>Why {entry.process}?</Link>}
          <Button look="quiet" onClick={() => onOnly(entry.process)}>
            Only {entry.process}
          </Button>
          <CopyButton text={printLogLine(entry)} what="line" />
          <Button look="quiet" onClick={onClose}>
            Close
          </Button>
        </span>
      </div>
      <pre>{entry.text}</pre>
    </aside>
  );
}

/** What a release command did is with its release. */
function isDyno(process: string): boolean {
  return /^[\w-]+\.\d+$/.test(process) && !process.startsWith('release.');
}
