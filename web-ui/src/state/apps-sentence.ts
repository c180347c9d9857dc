import { countInWords, numberWord } from '../format/count.js';
import type { AppStatus } from './app-state.js';

/** The headline of the list: how many apps there are, and whether one needs somebody. */
export function appsSentence(statuses: readonly AppStatus[]): string {
  if (statuses.length === 0) return 'No apps yet.';
  const apps = countInWords(statuses.length, 'app');
  const crashed = statuses.filter((status) => status.name === 'crashed').length;
  if (crashed > 0) return `${apps}, ${numberWord(crashed)} crashed.`;
  const deploying = statuses.filter((status) => status.name === 'deploying').length;
  if (deploying > 0) return `${apps}, ${numberWord(deploying)} deploying.`;
  return statuses.every((status) => status.name === 'up') ? `${apps}, all up.` : `${apps}.`;
}
