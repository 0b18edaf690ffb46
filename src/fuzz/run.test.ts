import fc from 'fast-check';
import { expect, it } from 'vitest';
import { fuzz } from './run.ts';
import { demand, type FuzzTarget, taken } from './target.ts';
import { TARGETS } from './targets.ts';

const ORDER = { seed: 20_261_127, inputs: 300, lastsMs: Number.POSITIVE_INFINITY };
const numbers = (check: FuzzTarget<number>['check']): FuzzTarget<number> => ({
  name: 'numbers',
  takes: 'numbers',
  inputs: fc.nat(1000),
  check,
});

/** Those of the others that `src/server/host/hostile.test.ts` has as well. */
const ELSEWHERE = /^replica-/;
const HERE = TARGETS.filter(({ name }) => !ELSEWHERE.test(name));

/** `npm run fuzz` in small. */
it.each(HERE.map((target) => [target.name, target] as const))(
  '%s answers, or refuses by name, whatever comes',
  async (_name, target) => {
    const { inputs, accepted, find } = await fuzz(target, ORDER);
    expect(find).toBeUndefined();
    expect(inputs).toBe(ORDER.inputs);
    // Inputs that are refused by the first check show nothing.
    expect(accepted).toBeGreaterThan(inputs / 50);
  },
);

it('targets have names of their own', () => {
  const names = TARGETS.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
});

it('a find is made as small as it gets, and made again by its seed and path', async () => {
  const target = numbers((number) => {
    demand(number < 700, 'numbers are small');
    return true;
  });
  const { find } = await fuzz(target, ORDER);
  expect(find).toMatchObject({ what: 'BrokenError: numbers are small', counterexample: '700' });
  const again = await fuzz(target, { ...ORDER, seed: find!.seed, path: find!.path, inputs: 1 });
  expect(again).toMatchObject({ inputs: 1, find: { counterexample: '700' } });
});

it('an error of another kind than expected is a find, and one that nobody was there to catch', async () => {
  const refusing = numbers((number) => {
    const read = () => {
      if (number > 900) throw new TypeError('not one of ours');
      if (number > 500) throw new RangeError('too large');
      return number;
    };
    return taken(read, RangeError) !== undefined;
  });
  expect((await fuzz(refusing, ORDER)).find).toMatchObject({
    what: expect.stringContaining('TypeError: not one of ours'),
    counterexample: '901',
  });
  const { find, accepted, inputs } = await fuzz(
    numbers((number) => number > 500),
    ORDER,
  );
  expect([find, inputs]).toEqual([undefined, ORDER.inputs]);
  expect(accepted).toBeGreaterThan(100);
});

it('an input that takes long, or much memory, is a find', async () => {
  const slow = numbers(() => {
    // Of a processor's time, which is what counts.
    const before = process.cpuUsage();
    while (process.cpuUsage(before).user < 1_100_000);
    return true;
  });
  const oneOf = (target: FuzzTarget<number>) => ({ ...target, inputs: fc.constant(7) });
  expect((await fuzz(oneOf(slow), { ...ORDER, inputs: 1 })).find?.what).toContain('within 1000 ms');
  const kept: Uint8Array[] = [];
  const large = numbers(() => kept.push(new Uint8Array(100 << 20)) > 0);
  expect((await fuzz(oneOf(large), { ...ORDER, inputs: 1 })).find?.what).toContain('bytes of memory');
});
