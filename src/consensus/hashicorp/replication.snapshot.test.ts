import { describe, expect, it } from 'vitest';
import { pipelined, places, Sender, snapshotOf } from './testing/sender.ts';

const MIB = 1 << 20;

describe('a snapshot', () => {
  const CHUNK = 1000;

  /** The log begins after entry 8, and server 2 holds the first `match`. */
  function behind(match = 0, bytes = 2500): Sender {
    const sender = new Sender(8, { maxMessageBytes: CHUNK });
    if (match > 0) {
      sender.refuse(sender.appends()[0]!, match);
      sender.accept(sender.appends()[0]!, match);
      sender.heartbeat(sender.beginRound(), match);
    } else sender.refuse(sender.appends()[0]!, 0);
    sender.taken();
    sender.log.storeSnapshot(snapshotOf(8, bytes), 0);
    sender.append(2);
    return sender;
  }

  it('goes chunk by chunk, and then the log goes on', () => {
    const sender = behind();
    const [first] = sender.chunks();
    expect(first).toMatchObject({ term: 1, index: 8, snapshotTerm: 1, offset: 0, total: 2500 });
    expect(sender.replicator.state).toBe('snapshot');
    expect(sender.pump()).toEqual([]);
    expect(sender.at(5).received(first!, CHUNK)).toBe(false);
    expect(sender.replicator.heardMs).toBe(5);
    const [second, third] = sender.chunks();
    expect([second, third]).toMatchObject([{ offset: CHUNK }, { offset: 2 * CHUNK }]);
    expect(third!.data).toHaveLength(500);
    // An answer that came late, or about another snapshot; and no more than there is.
    expect(sender.received(first!, 0)).toBe(false);
    expect(sender.received({ ...second!, index: 7 }, 0, true)).toBe(false);
    expect(sender.received(second!, 9999)).toBe(false);
    expect(sender.pump()).toEqual([]);
    // That it is installed is true whichever chunk it answers.
    expect(sender.received(first!, 2500, true)).toBe(true);
    expect(sender.replicator).toMatchObject({ state: 'probe', matchIndex: 8, nextIndex: 9 });
    const [request] = sender.appends();
    expect(places([request!])).toEqual([[8, 2]]);
    expect(sender.accept(request!)).toBe(true);
    expect(sender.received(first!, 2500, true)).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'pipeline', matchIndex: 10 });
    expect(sender.received(first!, 0)).toBe(false);
  });

  it('that is not wanted is not asked about', () => {
    const sender = pipelined(3);
    expect(
      sender.replicator.snapshotReplied({
        type: 'snapshot-reply',
        term: 1,
        seq: 0,
        index: 3,
        received: 0,
        installed: true,
      }),
    ).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'pipeline', matchIndex: 3 });
  });

  it('chunk that is not answered goes again after a wait, and the wait is forgotten with an answer', () => {
    const sender = behind();
    const [first] = sender.chunks();
    sender.received(first!, CHUNK);
    sender.at(20);
    const [lost] = sender.chunks();
    sender.at(119).replicator.tick();
    expect(sender.replicator.state).toBe('snapshot');
    sender.at(120).replicator.tick();
    expect(sender.replicator.state).toBe('unreachable');
    sender.at(125).replicator.tick();
    expect(sender.at(129).pump()).toEqual([]);
    const [again] = sender.at(130).chunks();
    expect(again).toMatchObject({ offset: CHUNK });
    expect(again!.seq).toBeGreaterThan(lost!.seq);
    expect(sender.received(again!, 2 * CHUNK)).toBe(false);
    expect(sender.replicator.state).toBe('snapshot');
    expect(sender.chunks()).toMatchObject([{ offset: 2 * CHUNK }]);
  });

  it('goes on while heartbeats show what the follower lacks', () => {
    const sender = behind(4);
    expect(sender.replicator.matchIndex).toBe(4);
    const [first] = sender.chunks();
    expect(first).toMatchObject({ index: 8 });
    expect(sender.heartbeat(sender.beginRound(), 2)).toBe(false);
    expect(sender.replicator).toMatchObject({ state: 'snapshot', matchIndex: 4 });
    sender.received(first!, CHUNK);
    expect(sender.chunks()).toMatchObject([{ offset: CHUNK }, { offset: 2 * CHUNK }]);
  });

  it('is not needed where an answer shows that the log does, and nothing of it is left', () => {
    const sender = behind();
    sender.chunks();
    const late = (index: number) =>
      sender.replicator.appendReplied({ type: 'append-reply', term: 1, seq: 1, ok: true, index });
    expect(late(6)).toBe(true);
    expect(sender.replicator.state).toBe('snapshot');
    expect(late(7)).toBe(true);
    expect(sender.replicator.state).toBe('snapshot');
    expect(late(8)).toBe(true);
    expect(sender.replicator).toMatchObject({ state: 'probe', nextIndex: 9 });
    sender.at(100).replicator.tick();
    expect(sender.replicator.state).toBe('probe');
    expect(sender.appends()).toHaveLength(1);
  });

  it('is followed by a later one where the log is compacted meanwhile', () => {
    const sender = behind();
    const [first] = sender.chunks();
    sender.compact(10);
    expect(sender.received(first!, 2500, true)).toBe(true);
    expect(sender.replicator).toMatchObject({ state: 'probe', matchIndex: 8 });
    expect(sender.chunks()).toMatchObject([{ index: 10, offset: 0 }]);
  });

  it('takes the place of all that was under way', () => {
    const sender = pipelined(3, { maxMessageBytes: 3 * MIB });
    sender.append(3, MIB - 100);
    expect(sender.appends()).toHaveLength(3);
    sender.append(6, MIB - 100);
    sender.compact(12);
    sender.log.storeSnapshot(snapshotOf(12, 4 * MIB), 0);
    const [first] = sender.chunks();
    sender.received(first!, first!.data.length);
    sender.at(10);
    const [second] = sender.chunks();
    expect(second!.offset).toBe(first!.data.length);
    // What was sent before does not fail any more, and neither does it count.
    sender.at(105).replicator.tick();
    expect(sender.replicator.state).toBe('snapshot');
    expect(sender.received(second!, 4 * MIB, true)).toBe(true);
    sender.append(9, MIB - 100);
    sender.accept(sender.appends()[0]!);
    expect(sender.appends()).toHaveLength(8);
  });

  it('begins a catch-up', () => {
    const sender = pipelined(3);
    sender.append(5);
    sender.compact(8);
    sender.replicator.pump();
    expect(sender.taken().events).toEqual(['catchup']);
  });

  it('is not sent where the log begins right there', () => {
    const sender = new Sender(8);
    const [request] = sender.appends();
    sender.compact(8);
    sender.append(1);
    sender.at(100).replicator.tick();
    expect(request!.prevIndex).toBe(8);
    expect(places(sender.at(110).appends())).toEqual([[8, 1]]);
  });
});
