import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../entry.ts';
import { recordsSize } from '../entryCodec.ts';
import { Delivery } from './delivery.ts';
import { OneNode } from './testing/oneNode.ts';

const ENTRY = new Entry(1, 1, EntryType.Normal, new Uint8Array(0));

/** A node alone, whose log is committed, and of whose entries two at a time may be handed out and not be applied. */
function committed() {
  const options = { applyingBytesMax: 2 * recordsSize([ENTRY]), asyncStorageWrites: true, applyUnstable: true };
  const { state, node } = new OneNode({
    voters: [1],
    terms: [1, 1, 1, 1, 1],
    hardState: { term: 1, commit: 5 },
    options,
  });
  const delivery = new Delivery(state);
  const turn = () => {
    const { committed: entries } = node.ready();
    if (entries.length > 0) delivery.handOut(entries);
    return delivery.take().map(({ index }) => index);
  };
  return { delivery, log: state.log, turn };
}

describe('what is handed out to be applied', () => {
  it('is handed out once, and as much as may be under way', () => {
    const { turn } = committed();
    expect([turn(), turn()]).toEqual([[1, 2], []]);
  });

  it('makes room when all of a portion is applied, and once', () => {
    const { delivery, log, turn } = committed();
    turn();
    delivery.applied(1);
    expect([log.applied, turn()]).toEqual([0, []]);
    delivery.applied(2);
    expect([log.applied, turn()]).toEqual([2, [3, 4]]);
    delivery.applied(2);
    delivery.applied(3);
    expect([log.applied, turn()]).toEqual([2, []]);
    delivery.applied(4);
    expect([log.applied, turn()]).toEqual([4, [5]]);
  });

  it('may be applied in one go', () => {
    const { delivery, log, turn } = committed();
    turn();
    delivery.applied(5);
    turn();
    delivery.applied(5);
    turn();
    delivery.applied(5);
    expect(log.applied).toBe(5);
  });
});
