import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { jointReached } from '../parts/quorum.ts';
import { ReadQueue } from './readQueue.ts';

describe('the queue of reads', () => {
  it('keeps what a server confirmed when an older answer of it comes late', () => {
    const queue = new ReadQueue();
    for (const context of [1, 2]) queue.add({ index: 9, context, origin: 0 });
    queue.confirm(2, 2);
    queue.confirm(2, 1);
    expect(queue.takeProven(1, [1, 2, 3], [])).toHaveLength(2);
  });

  it('proves what majorities confirmed, in order, each once', () => {
    const step = fc.oneof(fc.constant('read'), fc.tuple(fc.integer({ min: 1, max: 5 }), fc.nat(12)));
    const voters = [1, 2, 3];
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, joint) => {
        const outgoing = joint ? [1, 4, 5] : [];
        const queue = new ReadQueue();
        const confirmed = new Map<number, number>();
        let asked = 0;
        let proven = 0;
        let expected = 0;
        for (const each of steps) {
          if (typeof each === 'string') queue.add({ index: ++asked, context: asked, origin: 0 });
          else {
            const [from, sequence] = each;
            queue.confirm(from, sequence);
            if (sequence <= asked) confirmed.set(from, Math.max(sequence, confirmed.get(from) ?? 0));
          }
          confirmed.set(1, asked);
          // What is proven once stays so: nobody takes back what it confirmed.
          expected = Math.max(
            expected,
            Math.min(
              asked,
              jointReached(voters, outgoing, (id) => confirmed.get(id)),
            ),
          );
          for (const { context } of queue.takeProven(1, voters, outgoing)) expect(context).toBe(++proven);
          expect(proven).toBe(expected);
          expect(queue.newestWaiting).toBe(proven === asked ? 0 : asked);
        }
      }),
    );
  });
});
