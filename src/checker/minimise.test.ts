import { describe, expect, it } from 'vitest';
import { Budget } from './budget.ts';
import { checkHistory, decide } from './check.ts';
import { type Operation, UNKNOWN } from './history.ts';
import { minimise } from './minimise.ts';
import { type RegisterInput, type RegisterOutput, registerModel } from './models/register.ts';
import { generateHistory, SeededRandom } from './testing/generate.ts';
import { registerObject } from './testing/objects.ts';

type RegisterOperation = Operation<RegisterInput, RegisterOutput>;

const operation = (input: RegisterInput, output: RegisterOutput, invokeAt: number): RegisterOperation => {
  return { client: invokeAt % 3, key: 'r', input, output, invokeAt, returnAt: invokeAt + 1 };
};
const write = (value: number, at: number) => operation({ kind: 'write', value }, { kind: 'write' }, at);
const read = (value: number | null, at: number) => operation({ kind: 'read' }, { kind: 'read', value }, at);
const swap = (expected: number, value: number, at: number) =>
  operation({ kind: 'cas', expected, value }, { kind: 'cas', swapped: true }, at);

const relaxed = (each: RegisterOperation): RegisterOperation => ({ ...each, output: UNKNOWN, returnAt: Infinity });
const isObservation = ({ input, output }: RegisterOperation): boolean => registerModel.isReadOnly(input, output);

/** A correct history of one register in which some reads were made to answer something else. */
function corrupted(seed: number): RegisterOperation[] {
  const random = new SeededRandom(seed);
  const sizes = { seed, clientCount: 5, operationCount: 60, keyCount: 1, unknownPerMille: 50 };
  return generateHistory({ ...sizes, ...registerObject(4) }).map((each) => {
    if (each.output === UNKNOWN || each.output.kind !== 'read' || random.below(4) !== 0) return each;
    return { ...each, output: { kind: 'read', value: random.below(4) } };
  });
}

describe('a minimal failing history', () => {
  it('of a stale read keeps the write it saw and the write it missed', () => {
    const stale = [
      write(9, 0),
      read(9, 2),
      write(1, 4),
      read(1, 6),
      write(2, 8),
      read(1, 10),
      write(3, 12),
      read(3, 14),
    ];
    const { operations, culprits, isMinimal } = minimise(registerModel, stale);
    expect(operations).toEqual([write(1, 4), write(2, 8), read(1, 10)]);
    expect(culprits.size).toBe(3);
    expect(isMinimal).toBe(true);
  });

  it('of a value from nowhere is the read alone', () => {
    const { operations } = minimise(registerModel, [write(1, 0), read(1, 2), read(7, 4), read(1, 6)]);
    expect(operations).toEqual([read(7, 4)]);
  });

  it('of a lost update shows, as context, the write that both compare-and-sets found', () => {
    const { operations, culprits } = minimise(registerModel, [
      write(0, 0),
      write(5, 2),
      swap(5, 1, 4),
      swap(5, 2, 6),
      read(2, 8),
    ]);
    expect(operations).toEqual([write(5, 2), swap(5, 1, 4), swap(5, 2, 6)]);
    expect([...culprits]).toEqual([swap(5, 1, 4), swap(5, 2, 6)]);
  });

  it('leaves out what came after the failure, and opens what was still under way', () => {
    const slow = { ...write(2, 0), returnAt: 99 };
    const { operations } = minimise(registerModel, [slow, write(1, 1), read(2, 3), read(1, 5), write(4, 7)]);
    expect(operations.at(-1)).toEqual(read(1, 5));
    expect(operations[0]).toEqual(relaxed(slow));
  });

  it('still fails, and no longer does when any one culprit is relaxed', () => {
    let failing = 0;
    for (let seed = 0; seed < 60; seed += 1) {
      const history = corrupted(seed);
      if (checkHistory(registerModel, history).verdict !== 'illegal') continue;
      failing += 1;
      const { operations, culprits, isMinimal } = minimise(registerModel, history);
      expect(isMinimal).toBe(true);
      expect(checkHistory(registerModel, operations).verdict).toBe('illegal');
      const verdictWith = (kept: (each: RegisterOperation) => boolean) =>
        decide(
          registerModel,
          operations.flatMap((each) => (kept(each) ? [each] : isObservation(each) ? [] : [relaxed(each)])),
          new Budget(),
        ).verdict;
      expect(verdictWith((each) => culprits.has(each))).toBe('illegal');
      for (const culprit of culprits) {
        expect(verdictWith((each) => culprits.has(each) && each !== culprit)).toBe('ok');
      }
    }
    expect(failing).toBeGreaterThan(20);
  });

  it('is larger, but no less a failure, when the budget is too small to shrink it', () => {
    const history = [...corrupted(1), write(1, 1_000), read(2, 1_002)];
    const { operations, isMinimal } = minimise(registerModel, history, 100);
    expect(isMinimal).toBe(false);
    expect(checkHistory(registerModel, operations).verdict).toBe('illegal');
  });
});
