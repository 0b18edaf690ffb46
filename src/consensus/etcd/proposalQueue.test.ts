import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ProposalQueue } from './proposalQueue.ts';

describe('the queue of proposals', () => {
  it('gives out every command once, in order, and the rest as ranges', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(4), { maxLength: 8 }), fc.nat(20), (sizes, taken) => {
        const queue = new ProposalQueue();
        const expected: [number, number][] = [];
        for (const [token, size] of sizes.entries()) {
          queue.add({ token, commands: Array.from({ length: size }, () => new Uint8Array(0)) });
          for (let offset = 0; offset < size; offset++) expected.push([token, offset]);
        }
        const found: [number, number][] = [];
        for (let i = 0; i < taken && queue.size > 0; i++) {
          const { token, offset } = queue.peek()!;
          found.push([token, offset]);
          queue.shift();
        }
        for (const { token, offset, count } of queue.takeAll()) {
          for (let i = 0; i < count; i++) found.push([token, offset + i]);
        }
        expect(found).toEqual(expected);
        expect([queue.size, queue.peek()]).toEqual([0, undefined]);
      }),
    );
  });
});
