// The numbered lines of the `talker` example app, to judge whether a log has gaps or repetitions.

/** The numbers after `tick`, by launch of a dyno, in the order in which they were read. */
export function ticksOf(text: string, word = 'tick'): Map<string, number[]> {
  const launches = new Map<string, number[]>();
  for (const [, launch = '', number] of text.matchAll(new RegExp(`${word} ([0-9a-f]+) ([0-9]+)$`, 'gm'))) {
    launches.set(launch, [...(launches.get(launch) ?? []), Number(number)]);
  }
  return launches;
}

/** Every place where a launch's numbers do not follow one another, in words. */
export function tickProblems(text: string, word = 'tick'): string[] {
  const problems: string[] = [];
  for (const [launch, numbers] of ticksOf(text, word)) {
    numbers.forEach((number, index) => {
      const before = numbers[index - 1];
      if (before !== undefined && number !== before + 1)
        problems.push(`${launch}: ${number} comes after ${before}`);
    });
  }
  return problems;
}
