import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RejectReason } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { CommandQueue } from './commandQueue.ts';
import { OutputBuffer } from './outputBuffer.ts';

/** Command `offset` of batch `token` says so. */
const command = (token: number, offset: number) => Uint8Array.of(token, offset);
const named = (data: Uint8Array) => [data[0]!, data[1]!];

function queueOf(sizes: readonly number[]) {
  const out = new OutputBuffer<never>();
  const queue = new CommandQueue(out);
  for (const [token, size] of sizes.entries()) {
    queue.push({ token, commands: Array.from({ length: size }, (_, offset) => command(token, offset)) }, 10 * token);
  }
  return { out, queue };
}

/** Batch and place of every command that was refused. */
function refused({ rejected }: OutputBuffer<never>): number[][] {
  return rejected.flatMap(({ token, offset, count }) => Array.from({ length: count }, (_, i) => [token, offset + i]));
}

const sizes = fc.array(fc.nat(4), { maxLength: 8 });

describe('the queue of commands', () => {
  it('gives out every command once, in order, and refuses the rest', () => {
    fc.assert(
      fc.property(sizes, fc.array(fc.nat(3), { maxLength: 12 }), (of, takes) => {
        const { out, queue } = queueOf(of);
        const expected = of.flatMap((size, token) => Array.from({ length: size }, (_, offset) => [token, offset]));
        const entries: Entry[] = [];
        const found: number[][] = [];
        for (const countMax of takes) {
          if (queue.isEmpty) break;
          if (countMax > 0) {
            const placed = queue.place(5 + entries.length, 3, countMax);
            entries.push(...placed);
            found.push(...placed.map(({ data }) => named(data)));
          } else {
            const { batch, offset } = queue.take();
            expect(named(batch.commands[offset]!)).toEqual([batch.token, offset]);
            found.push([batch.token, offset]);
          }
          expect(queue.isEmpty).toBe(expected.length === found.length);
        }
        expect(entries.map(({ index, term }) => [index, term])).toEqual(entries.map((_, i) => [5 + i, 3]));
        expect(out.accepted.reduce((sum, { count }) => sum + count, 0)).toBe(entries.length);
        queue.abandon(RejectReason.NotLeader, 2);
        expect([...found, ...refused(out)]).toEqual(expected);
        expect(queue.isEmpty).toBe(true);
      }),
    );
  });

  it('says where in the log they took their places', () => {
    const { out, queue } = queueOf([2, 3]);
    for (let index = 7; !queue.isEmpty; ) index += queue.place(index, 4, 2).length;
    expect(out.accepted).toEqual([
      { token: 0, offset: 0, count: 2, firstIndex: 7, term: 4 },
      { token: 1, offset: 0, count: 2, firstIndex: 9, term: 4 },
      { token: 1, offset: 2, count: 1, firstIndex: 11, term: 4 },
    ]);
  });

  it('turns away what has waited too long, and nothing that came later', () => {
    const { out, queue } = queueOf([2, 1, 3]);
    queue.take();
    queue.expire(9, RejectReason.Timeout, 1);
    expect(refused(out)).toEqual([[0, 1]]);
    queue.expire(10, RejectReason.Timeout, 1);
    expect(refused(out)).toEqual([
      [0, 1],
      [1, 0],
    ]);
    expect(out.rejected.every(({ reason }) => reason === RejectReason.Timeout)).toBe(true);
    expect(queue.place(1, 1, 9)).toHaveLength(3);
  });
});
