// biome-ignore-all lint/suspicious/noTemplateCurlyInString: these are bash's.
import type { Catalog } from '../catalog.js';
import { CliError } from '../cli-error.js';
import { defineCommand } from '../command.js';
import { print } from '../terminal.js';

/** `paas completion [bash]` */
export const completionCommand = (catalog: Catalog) =>
  defineCommand({
    summary: 'print the completion script for bash',
    args: '[bash]',
    arity: [0, 1],
    flags: {},
    example: 'eval "$(paas completion)"',
    async run({ terminal }, { args: [shell = 'bash'] }) {
      if (shell !== 'bash')
        throw new CliError(`There is no completion for ${shell}.`, { hint: 'Use: paas completion bash' });
      const cases: string[] = [];
      for (const name of catalog.names()) {
        const flags = Object.keys((await catalog.find(name))?.command.flags ?? {}).map((flag) => `--${flag}`);
        cases.push(`    ${name}) words="${[...flags, '--help'].join(' ')}" ;;`);
      }
      for (const line of script(catalog.typable(), cases)) print(terminal, line);
    },
  });

/** A colon ends a word for bash: the words before the cursor are joined again, and the common part is cut off the answers. */
function script(names: readonly string[], cases: readonly string[]): string[] {
  return [
    '_paas() {',
    '  local line="${COMP_LINE:0:COMP_POINT}" typed cur words name',
    '  read -r -a typed <<< "$line"',
    '  cur="${typed[${#typed[@]}-1]}"',
    '  [[ "$line" == *" " ]] && { typed+=(""); cur=""; }',
    '  if [ "${#typed[@]}" -le 2 ]; then',
    `    words="${names.join(' ')}"`,
    '  else name="${typed[1]}"; words="--app --help"; case "$name" in',
    ...cases,
    '  esac; fi',
    '  COMPREPLY=($(compgen -W "$words" -- "$cur"))',
    '  if [[ "$cur" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then',
    '    COMPREPLY=("${COMPREPLY[@]#"${cur%:*}:"}")',
    '  fi',
    '}',
    'complete -F _paas paas',
  ];
}
