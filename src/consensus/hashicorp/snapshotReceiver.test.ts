import { describe, expect, it } from 'vitest';
import { simpleConfiguration } from '../contract.ts';
import type { SnapshotChunk } from './messages.ts';
import { SnapshotReceiver } from './snapshotReceiver.ts';

const LEADER = 2;
const configuration = simpleConfiguration([1, 2, 3]);

/** These bytes of a snapshot of five. */
function chunk(offset: number, bytes: readonly number[], part: Partial<SnapshotChunk> = {}): SnapshotChunk {
  const numbers = { term: 3, seq: 1, index: 9, snapshotTerm: 2, total: 5 };
  return { type: 'snapshot', ...numbers, configuration, offset, data: Uint8Array.from(bytes), ...part };
}

const FIRST = chunk(0, [1, 2]);
const REST = chunk(2, [3, 4, 5]);

/** Two of the five bytes are there. */
function begun(): SnapshotReceiver {
  const receiver = new SnapshotReceiver();
  expect(receiver.received(LEADER, FIRST)).toBe(0);
  expect(receiver.add(LEADER, FIRST)).toBeUndefined();
  expect(receiver.received(LEADER, REST)).toBe(2);
  return receiver;
}

describe('the chunks of a snapshot', () => {
  it('are put together, as often as it is sent', () => {
    const receiver = begun();
    const whole = { index: 9, term: 2, configuration, data: Uint8Array.of(1, 2, 3, 4, 5) };
    expect(receiver.add(LEADER, REST)).toEqual(whole);
    expect(receiver.received(LEADER, FIRST)).toBe(0);
    expect(receiver.add(LEADER, FIRST)).toBeUndefined();
    expect(receiver.add(LEADER, REST)).toEqual(whole);
    expect(receiver.add(LEADER, chunk(0, [1, 2, 3, 4, 5]))).toEqual(whole);
  });

  it.each([
    ['is there already', FIRST],
    ['leaves a gap', chunk(3, [4, 5])],
    ['is more than the whole', chunk(2, [3, 4, 5, 6])],
  ])('change nothing where one %s', (_what, misplaced) => {
    const receiver = begun();
    expect(receiver.add(LEADER, misplaced)).toBeUndefined();
    expect(receiver.received(LEADER, REST)).toBe(2);
    expect(receiver.add(LEADER, REST)?.data).toEqual(Uint8Array.of(1, 2, 3, 4, 5));
  });

  it.each([
    ['server', {}, 3],
    ['term', { term: 4 }, LEADER],
    ['index', { index: 10 }, LEADER],
    ['term of its last entry', { snapshotTerm: 3 }, LEADER],
    ['size', { total: 6 }, LEADER],
  ])('are none of those of another %s: these begin anew, and only at their beginning', (_what, part, from) => {
    const receiver = begun();
    const other = { ...REST, ...part };
    expect(receiver.received(from, other)).toBe(0);
    expect(receiver.add(from, other)).toBeUndefined();
    expect(receiver.received(LEADER, REST)).toBe(2);
    expect(receiver.add(from, { ...FIRST, ...part })).toBeUndefined();
    expect([receiver.received(from, other), receiver.received(LEADER, REST)]).toEqual([2, 0]);
  });

  it('are forgotten with what nobody goes on with', () => {
    const receiver = begun();
    receiver.abandon();
    expect(receiver.received(LEADER, REST)).toBe(0);
    expect(receiver.add(LEADER, REST)).toBeUndefined();
  });
});
