const words = ['No', 'One', 'Two', 'Three', 'Four', 'Five', 'Six', 'Seven', 'Eight', 'Nine', 'Ten'];

/** "1 line", "12,000 lines": a number with its noun. */
export function count(quantity: number, noun: string): string {
  return `${quantity.toLocaleString('en')} ${noun}${quantity === 1 ? '' : 's'}`;
}

/** A number that begins a sentence: "Three apps", "12 apps". */
export function countInWords(quantity: number, noun: string): string {
  return `${words[quantity] ?? quantity} ${noun}${quantity === 1 ? '' : 's'}`;
}
