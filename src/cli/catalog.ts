// What help and completion need to know of the list of commands.

import type { AnyCommand } from './command.js';

/** A command with its full name. */
export interface FoundCommand {
  readonly name: string;
  readonly command: AnyCommand;
}

export interface Catalog {
  /** The command of that name or alias, or undefined. */
  find(typed: string): Promise<FoundCommand | undefined>;
  /** All commands' names, sorted. */
  names(): string[];
  /** Names and aliases: everything that can be typed. */
  typable(): string[];
  /** The name that people type where it is not the path: `login` for `auth:login`. */
  shownName(name: string): string;
}
