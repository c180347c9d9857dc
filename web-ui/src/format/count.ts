const words = ['no', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten'];

/** "1 line", "12,000 lines": a number with its noun. */
export function count(quantity: number, noun: string): string {
  return `${quantity.toLocaleString('en')} ${noun}${quantity === 1 ? '' : 's'}`;
}

/** A small number as a word inside a sentence; larger ones in digits. */
export function numberWord(quantity: number): string {
  return words[quantity] ?? quantity.toLocaleString('en');
}

/** A number that begins a sentence: "Three apps", "12 apps". */
export function countInWords(quantity: number, noun: string): string {
  const word = numberWord(quantity);
  return `${word.charAt(0).toUpperCase()}${word.slice(1)} ${noun}${quantity === 1 ? '' : 's'}`;
}
