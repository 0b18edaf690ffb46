import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { MUTANTS } from './mutants.ts';

describe('docs/simulator.md', () => {
  const text = readFileSync(new URL('../../../docs/simulator.md', import.meta.url), 'utf8');

  it.each(MUTANTS)('names the mutant "$name", its bound and the rules that catch it', (mutant) => {
    const row = text.split('\n').find((line) => line.startsWith(`| ${mutant.name} |`));
    expect(row).toBeDefined();
    const cells = row!.split('|').map((cell) => cell.trim());
    expect(cells[2]).toBe(String(mutant.seedsMax));
    expect(cells[3]).toBe(mutant.engines.join(', '));
    for (const invariant of mutant.invariants) expect(cells[4]).toContain(invariant);
  });
});
