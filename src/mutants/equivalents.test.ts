import { describe, expect, it } from 'vitest';
import { EQUIVALENTS } from './equivalents.ts';
import { mutatedFiles } from './targets.ts';

describe('the mutants that are argued equivalent', () => {
  const keys = new Set(mutatedFiles('src').flatMap(({ mutants }) => mutants.map(({ key }) => key)));

  it('are mutants of the code as it stands: what changed is argued anew', () => {
    expect(EQUIVALENTS.map(({ key }) => key).filter((key) => !keys.has(key))).toEqual([]);
  });

  it('are argued once each', () => {
    expect(new Set(EQUIVALENTS.map(({ key }) => key)).size).toBe(EQUIVALENTS.length);
    expect(EQUIVALENTS.filter(({ why }) => why.length < 20)).toEqual([]);
  });
});
