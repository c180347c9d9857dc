import { useEffect, useRef, useState } from 'preact/hooks';
import { type DraftRow, keyProblem, parseEnvLines } from '../state/config-draft.js';
import { Button } from './button.js';

const changeWords = { none: '', added: 'new', changed: 'changed', removed: 'will be removed' } as const;

/** One config var. Its value is not on the page before it is asked for. */
export function ConfigRow(props: {
  row: DraftRow;
  isRevealed: boolean;
  onToggle: () => void;
  onSet: (value: string | null) => void;
  onUndo: () => void;
}) {
  const { row, isRevealed, onToggle, onSet, onUndo } = props;
  const [isEditing, setIsEditing] = useState(false);
  const { key, value, change } = row;
  const isJustTyped = change === 'added' || change === 'changed';
  return (
    <li class={`config-row config-${change}`} data-testid={`config-${key}`}>
      <span class="config-key mono">
        {key}
        {change !== 'none' && <span class="tag">{changeWords[change]}</span>}
      </span>
      {isEditing ? (
        <ValueEditor
          name={key}
          value={value}
          onDone={(next) => {
            if (next !== undefined) onSet(next);
            setIsEditing(false);
          }}
        />
      ) : (
        <span class="config-value mono" data-testid={`value-${key}`}>
          {isRevealed || isJustTyped ? value : <Masked />}
        </span>
      )}
      <span class="config-end">
        {!isEditing && !isJustTyped && (
          <Button look="quiet" onClick={onToggle} aria-label={`${isRevealed ? 'Hide' : 'Reveal'} ${key}`}>
            {isRevealed ? 'Hide' : 'Reveal'}
          </Button>
        )}
        {!isEditing && change !== 'removed' && (
          <Button look="quiet" onClick={() => setIsEditing(true)} aria-label={`Edit ${key}`}>
            Edit
          </Button>
        )}
        {change === 'none' ? (
          <Button look="quiet" onClick={() => onSet(null)} aria-label={`Remove ${key}`}>
            Remove
          </Button>
        ) : (
          <Button look="quiet" onClick={onUndo} aria-label={`Undo the change of ${key}`}>
            Undo
          </Button>
        )}
      </span>
    </li>
  );
}

function Masked() {
  return (
    <>
      <span class="visually-hidden">hidden</span>
      <span aria-hidden="true">••••••••••</span>
    </>
  );
}

function ValueEditor(props: { name: string; value: string; onDone: (value: string | undefined) => void }) {
  const [draft, setDraft] = useState(props.value);
  const box = useRef<HTMLTextAreaElement>(null);
  useEffect(() => box.current?.focus(), []);
  return (
    <span class="config-editor">
      <textarea
        ref={box}
        class="mono"
        aria-label={`Value of ${props.name}`}
        rows={Math.min(8, draft.split('\n').length)}
        spellcheck={false}
        value={draft}
        onInput={(event) => setDraft(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape') props.onDone(undefined);
          if (event.key === 'Enter' && !event.shiftKey) {
            event.preventDefault();
            props.onDone(draft);
          }
        }}
      />
      <Button onClick={() => props.onDone(draft)}>Keep</Button>
      <Button look="quiet" onClick={() => props.onDone(undefined)}>
        Cancel
      </Button>
    </span>
  );
}

/** A key and a value to add; lines of a .env file pasted into the key are taken apart. */
export function AddConfigVar({ onAdd }: { onAdd: (vars: Record<string, string>) => void }) {
  const [key, setKey] = useState('');
  const [value, setValue] = useState('');
  const [problem, setProblem] = useState<string | undefined>();
  const keyBox = useRef<HTMLInputElement>(null);
  const add = () => {
    const wrong = keyProblem(key.trim());
    setProblem(wrong);
    if (wrong !== undefined) return;
    onAdd({ [key.trim()]: value });
    setKey('');
    setValue('');
    keyBox.current?.focus();
  };
  const onPaste = (event: ClipboardEvent) => {
    const found = parseEnvLines(event.clipboardData?.getData('text') ?? '');
    if (Object.keys(found).length === 0) return;
    event.preventDefault();
    onAdd(found);
  };
  return (
    <form
      class="config-add"
      aria-label="Add a config var"
      onSubmit={(event) => {
        event.preventDefault();
        add();
      }}
    >
      <input
        ref={keyBox}
        class="mono"
        placeholder="KEY"
        aria-label="New key"
        autocapitalize="off"
        autocomplete="off"
        spellcheck={false}
        value={key}
        onPaste={onPaste}
        onInput={(event) => setKey(event.currentTarget.value)}
      />
      <textarea
        class="mono"
        rows={1}
        placeholder="value"
        aria-label="New value"
        spellcheck={false}
        value={value}
        onInput={(event) => setValue(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || event.shiftKey) return;
          event.preventDefault();
          add();
        }}
      />
      <Button type="submit">Add</Button>
      {problem ? (
        <p class="problem-text" role="alert">
          {problem}
        </p>
      ) : (
        <p class="hint">
          Lines of a .env file can be pasted into KEY. Shift+Enter makes a new line in a value.
        </p>
      )}
    </form>
  );
}
