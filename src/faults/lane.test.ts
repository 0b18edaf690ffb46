import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DelayShape } from './delays.ts';
import { fateOf, Lane } from './lane.ts';
import { CLEAR } from './testing/clearLink.ts';

/** Gives these in turn, and nothing after the last. */
function drawing(values: readonly number[]): () => number {
  let at = 0;
  return () => {
    const value = values[at++];
    if (value === undefined) throw new Error('drew more than there was');
    return value;
  };
}

const nothing = () => drawing([])();

describe('the fate of a message', () => {
  it('draws nothing where nothing is left to chance', () => {
    expect(fateOf(CLEAR, nothing)).toBe('carried');
    expect(fateOf({ ...CLEAR, isCut: true, lossChance: 0.5 }, nothing)).toBe('cut');
  });

  it('is lost as often as was said', () => {
    const lossy = { ...CLEAR, lossChance: 0.25 };
    expect([0, 0.2499, 0.25, 0.99].map((drawn) => fateOf(lossy, drawing([drawn])))).toEqual([
      'lost',
      'lost',
      'carried',
      'carried',
    ]);
  });
});

interface Sent {
  readonly atUs: number;
  readonly bytes: number;
  readonly delayUs: number;
  readonly isUrgent: boolean;
}

/**
 * The slow twin: it lets time pass µs by µs. What is to leave stands in a queue of bytes; what has left takes its delay, and waits
 * at the end until all of its kind that was sent before it is there.
 */
function arrivals(sent: readonly Sent[], bytesPerUs: number): number[] {
  const left: (number | undefined)[] = sent.map(() => undefined);
  let queued = 0;
  const ends: { readonly which: number; at: number }[] = [];
  const last = Math.max(...sent.map(({ atUs }) => atUs)) + 2000;
  for (let nowUs = 0; nowUs <= last; nowUs++) {
    sent.forEach(({ atUs, bytes, isUrgent }, which) => {
      if (atUs !== nowUs) return;
      queued += bytes;
      if (isUrgent) left[which] = nowUs + bytes / bytesPerUs;
      else ends.push({ which, at: queued });
    });
    for (const end of ends) if (end.at <= 0) left[end.which] ??= nowUs;
    const going = Math.min(queued, bytesPerUs);
    queued -= going;
    for (const end of ends) end.at -= going;
  }
  return sent.map(({ isUrgent }, which) => {
    const before = sent.slice(0, which + 1).flatMap((other, i) => (other.isUrgent === isUrgent ? [i] : []));
    return Math.max(...before.map((i) => left[i]! + sent[i]!.delayUs));
  });
}

const message = fc.record({
  gapUs: fc.integer({ min: 0, max: 30 }),
  bytes: fc.integer({ min: 0, max: 12 }),
  delayUs: fc.integer({ min: 0, max: 40 }),
  isUrgent: fc.boolean(),
});

describe('a lane', () => {
  it('lets messages arrive when the slow twin does', () => {
    fc.assert(
      fc.property(fc.array(message, { minLength: 1, maxLength: 30 }), (messages) => {
        let atUs = 0;
        const sent = messages.map(({ gapUs, bytes, delayUs, isUrgent }) => {
          atUs += gapUs;
          return { atUs, bytes, delayUs, isUrgent };
        });
        const lane = new Lane();
        const found = sent.map(({ atUs, bytes, delayUs, isUrgent }) => {
          const condition = { ...CLEAR, bytesPerSecond: 1e6, delays: [{ kind: 'fixed', us: delayUs } as const] };
          return lane.arrivalUs(condition, atUs, bytes, nothing, isUrgent);
        });
        expect(found).toEqual(arrivals(sent, 1));
        expect(lane.arrivedUs).toBe(Math.max(...found));
      }),
    );
  });

  it('adds delays up', () => {
    const lane = new Lane();
    const delays: DelayShape[] = [
      { kind: 'fixed', us: 100 },
      { kind: 'heavy-tail', leastUs: 10 },
    ];
    expect(lane.arrivalUs({ ...CLEAR, delays }, 1000, 0, drawing([0]))).toBe(1110);
    expect(lane.arrivalUs(CLEAR, 1001, 0, nothing)).toBe(1110);
  });

  it('tells of tails, and of what is overtaken where that may be', () => {
    const told: string[] = [];
    const lane = new Lane({ tailed: () => told.push('tail'), overtaken: () => told.push('overtaken') });
    const shape = { kind: 'exponential', leastUs: 5, meanUs: 1, tailChance: 0.5, tailMeanUs: 1000 } as const;
    const unruly = { ...CLEAR, delays: [shape], keepsOrder: false };
    expect(lane.arrivalUs(unruly, 0, 0, drawing([0, 0.1, 0.99]))).toBe(5 + 1 + 4605);
    expect(lane.arrivalUs(unruly, 1, 0, drawing([0, 0.5]))).toBe(1 + 5 + 1);
    expect(told).toEqual(['tail', 'overtaken']);
  });
});
