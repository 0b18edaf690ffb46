import { describe, expect, it } from 'vitest';
import { type Mutant, mutantsOf } from './operators.ts';
import { weave } from './weave.ts';

/** Has everything that nests: conditions in conditions, statements in statements, neighbours that overlap. */
const SOURCE = `
function run(a, b, trace) {
  const say = (word) => { trace.push(word); };
  say('begin');
  trace.push(a);
  say('middle');
  for (const n of [a, b]) {
    if (n < 1 && !(a === b || b > 2)) continue;
    say(n - 1);
    if (n >= 2) say('large'); else say('small');
  }
  switch (a) {
    case 1:
      say('one');
      say('of them');
      break;
    default:
      say(Math.min(a, b, 2));
  }
  if (b === 3 ? a > 1 : a < 1) return false;
  say('end');
  return true;
}
`;

const INPUTS = [0, 1, 2, 3].flatMap((a) => [0, 1, 2, 3].map((b) => [a, b] as const));

/** Everything that can be seen of the function, mutant `active` being in force. */
function behaviour(source: string, active: number): unknown[] {
  const code = source.replace(/import .*;/, '');
  const run = new Function('isMutant$', `${code}; return run;`)((id: number) => id === active);
  return INPUTS.map(([a, b]) => {
    const trace: unknown[] = [];
    return [run(a, b, trace), trace];
  });
}

/** The source with this one mistake in it, as a person would have made it. */
function mistaken({ weave: woven }: Mutant): string {
  const { start, end } = woven;
  const text = SOURCE.slice(start, end);
  if (woven.kind === 'expression') return `${SOURCE.slice(0, start)}(${woven.text})${SOURCE.slice(end)}`;
  const without = `${SOURCE.slice(0, start)}{}${SOURCE.slice(end)}`;
  return woven.kind === 'drop' ? without : `${without.slice(0, woven.before)}${text}${without.slice(woven.before)}`;
}

describe('a source with all its mutants in it', () => {
  const mutants = mutantsOf('f.ts', SOURCE);
  const woven = weave(SOURCE, mutants, 100, './active.ts');

  it('does what it did while none is in force', () => {
    expect(behaviour(woven, -1)).toEqual(behaviour(SOURCE, -1));
    expect(woven).toContain("from './active.ts'");
  });

  it.each(mutants.map((mutant, i) => ({ mutant, id: 100 + i, key: mutant.key })))('does $key', ({ mutant, id }) => {
    expect(behaviour(woven, id)).toEqual(behaviour(mistaken(mutant), -1));
  });

  it('differs under nearly every one of them', () => {
    const same = mutants.filter((_, i) => {
      return JSON.stringify(behaviour(woven, 100 + i)) === JSON.stringify(behaviour(SOURCE, -1));
    });
    expect(same.length).toBeLessThan(mutants.length / 8);
  });
});
