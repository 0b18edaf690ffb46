/**
 * How two texts differ, line by line: `-` expected and missing, `+` found and not expected, lines in both indented.
 * undefined where they are equal. By longest common subsequence, so that one missing line shows as one line.
 */
export function lineDifference(expected: readonly string[], found: readonly string[]): string | undefined {
  if (expected.length === found.length && expected.every((line, at) => line === found[at])) return undefined;
  const lengths = commonLengths(expected, found);
  const lines: string[] = [];
  let a = 0;
  let b = 0;
  while (a < expected.length || b < found.length) {
    if (a < expected.length && b < found.length && expected[a] === found[b]) {
      lines.push(`    ${expected[a++]}`);
      b++;
    } else if (b >= found.length || (a < expected.length && lengths[a + 1]![b]! >= lengths[a]![b + 1]!)) {
      lines.push(`  - ${expected[a++]}`);
    } else lines.push(`  + ${found[b++]}`);
  }
  return lines.join('\n');
}

/** `result[a][b]`: how many lines the rests from `a` and `b` on have in common. */
function commonLengths(expected: readonly string[], found: readonly string[]): number[][] {
  const table = expected.map(() => new Array<number>(found.length + 1).fill(0));
  table.push(new Array<number>(found.length + 1).fill(0));
  for (let a = expected.length - 1; a >= 0; a--) {
    for (let b = found.length - 1; b >= 0; b--) {
      table[a]![b] =
        expected[a] === found[b] ? table[a + 1]![b + 1]! + 1 : Math.max(table[a + 1]![b]!, table[a]![b + 1]!);
    }
  }
  return table;
}
