import { describe, expect, it } from 'vitest';
import { SeededRandom } from './testing/generate.ts';
import { VisitedConfigurations } from './visited.ts';

const BYTES_MAX = 1_000_000;

describe('visited configurations', () => {
  it('are refused the second time', () => {
    const visited = new VisitedConfigurations(2, 0, BYTES_MAX);
    expect(visited.add(Int32Array.of(1, 2))).toBe(true);
    expect(visited.add(Int32Array.of(2, 1))).toBe(true);
    expect(visited.add(Int32Array.of(1, 2))).toBe(false);
    expect(visited.size).toBe(2);
  });

  it('cover others that spent more, not those that spent less or something else', () => {
    const visited = new VisitedConfigurations(1, 2, BYTES_MAX);
    expect(visited.add(Int32Array.of(7, 0b0110, 0))).toBe(true);
    expect(visited.add(Int32Array.of(7, 0b1110, -1))).toBe(false);
    expect(visited.add(Int32Array.of(7, 0b1001, 0))).toBe(true);
    expect(visited.add(Int32Array.of(7, 0b0010, 0))).toBe(true);
    expect(visited.add(Int32Array.of(8, 0b0110, 0))).toBe(true);
  });

  it('agree with a plain list while they grow', () => {
    const random = new SeededRandom(1);
    const visited = new VisitedConfigurations(2, 1, BYTES_MAX);
    const list: number[][] = [];
    for (let round = 0; round < 3_000; round += 1) {
      const words = [random.below(12), random.below(12) - 6, random.below(64)];
      const isNew = !list.some(([a, b, used]) => a === words[0] && b === words[1] && (used! & ~words[2]!) === 0);
      if (isNew) list.push(words);
      expect(visited.add(Int32Array.from(words))).toBe(isNew);
    }
    expect(visited.size).toBe(list.length);
  });

  it('stay within the memory they were given', () => {
    const visited = new VisitedConfigurations(3, 0, 8_000);
    let added = 0;
    for (; !visited.isFull; added += 1) visited.add(Int32Array.of(added, 0, 0));
    expect(added).toBe(8_000 / 32);
  });
});
