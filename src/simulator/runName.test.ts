import { describe, expect, it } from 'vitest';
import { formatRunName, parseRunName } from './runName.ts';

describe('the name of a run', () => {
  it('is read as it was written', () => {
    const plain = { seed: 191, twists: [] };
    const twisted = {
      seed: 2 ** 40,
      twists: [
        { afterSteps: 5012, variation: 3 },
        { afterSteps: 7001, variation: 1 },
      ],
    };
    expect(formatRunName(plain)).toBe('191');
    expect(formatRunName(twisted)).toBe('1099511627776+5012.3+7001.1');
    expect(parseRunName(formatRunName(plain))).toEqual(plain);
    expect(parseRunName(formatRunName(twisted))).toEqual(twisted);
  });

  it.each([
    '',
    'x',
    '-1',
    '1.5',
    '191+',
    '191+5',
    '191+5.',
    '191+7.1+7.2',
    '191+0.1',
    '281474976710656',
    '1+2147483648.1',
  ])('is not %j', (text) => expect(parseRunName(text)).toBeUndefined());
});
