import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type IncomingContent,
  type Snapshot,
  type SnapshotContent,
  type SnapshotPlace,
  simpleConfiguration,
} from '../contract.ts';
import { contentBytes, MemoryContent, PieceKeeper, ReceivedContent } from '../snapshotContent.ts';
import { receiveContent } from '../testing/engineCluster.ts';
import { type Chunk, chunkFault, SnapshotReceiver, SnapshotSender } from './snapshotChunks.ts';

const LEADER = 2;
const TERM = 3;
const configuration = simpleConfiguration([1, 2, 3]);

/** These bytes of a snapshot of five. */
function chunk(offset: number, bytes: readonly number[], part: Partial<Chunk> = {}): Chunk {
  return { index: 9, snapshotTerm: 2, total: 5, configuration, offset, data: Uint8Array.from(bytes), ...part };
}

const keeper = new PieceKeeper();

/** What it makes of the chunk, and what it hands on. */
function take(receiver: SnapshotReceiver, from: number, term: number, taken: Chunk): Snapshot | undefined {
  const snapshot = receiver.add(from, term, taken);
  for (const piece of receiver.takePieces() ?? []) keeper.addPiece(piece);
  if (typeof snapshot === 'string') throw new Error(snapshot);
  return snapshot && { ...snapshot, content: new MemoryContent(contentBytes(snapshot.content)) };
}

const FIRST = chunk(0, [1, 2]);
const REST = chunk(2, [3, 4, 5]);

describe('the receiver of a snapshot in chunks', () => {
  /** Two of the five bytes are there. */
  function begun(): SnapshotReceiver {
    const receiver = new SnapshotReceiver(receiveContent);
    expect(receiver.received(LEADER, TERM, FIRST)).toBe(0);
    expect(take(receiver, LEADER, TERM, FIRST)).toBeUndefined();
    expect(receiver.received(LEADER, TERM, REST)).toBe(2);
    return receiver;
  }

  it('puts them together, as often as it is sent', () => {
    const receiver = begun();
    const whole = { index: 9, term: 2, configuration, content: new MemoryContent(Uint8Array.of(1, 2, 3, 4, 5)) };
    expect(take(receiver, LEADER, TERM, REST)).toEqual(whole);
    expect(receiver.received(LEADER, TERM, FIRST)).toBe(0);
    expect(take(receiver, LEADER, TERM, FIRST)).toBeUndefined();
    expect(take(receiver, LEADER, TERM, REST)).toEqual(whole);
    expect(take(receiver, LEADER, TERM, chunk(0, [1, 2, 3, 4, 5]))).toEqual(whole);
  });

  it('takes a snapshot of nothing, and a question for how much there is', () => {
    const receiver = begun();
    expect(take(receiver, LEADER, TERM, chunk(5, []))).toBeUndefined();
    expect(receiver.received(LEADER, TERM, REST)).toBe(2);
    expect(take(receiver, LEADER, TERM, chunk(0, [], { index: 10, total: 0 }))?.content).toEqual(
      new MemoryContent(new Uint8Array(0)),
    );
  });

  it.each([
    ['is there already', FIRST],
    ['leaves a gap', chunk(3, [4, 5])],
  ])('leaves one out that %s', (_what, misplaced) => {
    const receiver = begun();
    expect(take(receiver, LEADER, TERM, misplaced)).toBeUndefined();
    expect(receiver.received(LEADER, TERM, REST)).toBe(2);
    expect(take(receiver, LEADER, TERM, REST)?.content).toEqual(new MemoryContent(Uint8Array.of(1, 2, 3, 4, 5)));
  });

  it.each([
    ['server', {}, 3, TERM],
    ['leader’s term', {}, LEADER, 4],
    ['index', { index: 10 }, LEADER, TERM],
    ['term of its last entry', { snapshotTerm: 3 }, LEADER, TERM],
    ['size', { total: 6 }, LEADER, TERM],
  ])('begins anew with one of another %s, and only at its beginning', (_what, part, from, term) => {
    const receiver = begun();
    const other = { ...REST, ...part };
    expect(receiver.received(from, term, other)).toBe(0);
    expect(take(receiver, from, term, other)).toBeUndefined();
    expect(receiver.received(LEADER, TERM, REST)).toBe(2);
    expect(take(receiver, from, term, { ...FIRST, ...part })).toBeUndefined();
    expect([receiver.received(from, term, other), receiver.received(LEADER, TERM, REST)]).toEqual([2, 0]);
  });

  it('takes nothing of an older snapshot than the one it has begun with, not even its beginning', () => {
    for (const older of [FIRST, { ...FIRST, index: 8 }]) {
      const receiver = begun();
      const [term, offer] = older === FIRST ? [TERM - 1, FIRST] : [TERM, older];
      expect(take(receiver, 3, term, offer)).toBeUndefined();
      expect(take(receiver, LEADER, term, { ...REST, index: offer.index })).toBeUndefined();
      expect(receiver.received(LEADER, TERM, REST)).toBe(2);
      expect(take(receiver, LEADER, TERM, REST)?.index).toBe(9);
    }
  });

  it('begins with an older one of a later leader', () => {
    const receiver = begun();
    expect(take(receiver, 3, TERM + 1, { ...FIRST, index: 8 })).toBeUndefined();
    expect(take(receiver, 3, TERM + 1, { ...REST, index: 8 })?.index).toBe(8);
  });

  it('keeps none of the bytes: each chunk is handed on as it comes, once', () => {
    const receiver = new SnapshotReceiver(receiveContent);
    const bytes = Array.from({ length: 200 }, (_, i) => i);
    for (let at = 0; at < 200; at += 20) {
      const data = bytes.slice(at, at + 20);
      const snapshot = receiver.add(LEADER, TERM, chunk(at, data, { total: 200 }));
      const pieces = receiver.takePieces()!;
      expect(pieces.map((piece) => [...piece.data])).toEqual([data]);
      expect(receiver.takePieces()).toBeUndefined();
      expect(bytesHeldBy(receiver)).toBe(0);
      expect(snapshot === undefined).toBe(at < 180);
    }
  });

  it('says what is wrong with a piece as soon as it comes, and begins anew', () => {
    const checked: number[][] = [];
    const fails = (place: SnapshotPlace, byteLength: number): IncomingContent =>
      new ReceivedContent(place, byteLength, (piece) => (checked.push([...piece]) === 2 ? 'no such state' : undefined));
    const receiver = new SnapshotReceiver(fails);
    expect(receiver.add(LEADER, TERM, FIRST)).toBeUndefined();
    expect(receiver.add(LEADER, TERM, chunk(2, [3]))).toBe("the leader's snapshot of index 9: no such state");
    expect(checked).toEqual([[1, 2], [3]]);
    expect(receiver.received(LEADER, TERM, REST)).toBe(0);
    expect(receiver.add(LEADER, TERM, REST)).toBeUndefined();
    expect(receiver.takePieces()?.map(({ data }) => [...data])).toEqual([[1, 2]]);
  });

  it('forgets what nobody goes on with', () => {
    const receiver = begun();
    receiver.abandonUpTo(8);
    expect(receiver.received(LEADER, TERM, REST)).toBe(2);
    receiver.abandonUpTo(9);
    expect(receiver.received(LEADER, TERM, REST)).toBe(0);
    expect(take(receiver, LEADER, TERM, REST)).toBeUndefined();
  });
});

/** In all that can be reached from it. */
function bytesHeldBy(from: object, seen = new Set<object>()): number {
  if (seen.has(from)) return 0;
  seen.add(from);
  if (from instanceof Uint8Array) return from.length;
  const parts = Object.values(from).filter((part) => typeof part === 'object' && part !== null);
  return parts.reduce((sum, part) => sum + bytesHeldBy(part, seen), 0);
}

describe('what is wrong with a chunk', () => {
  it('is that it ends beyond the snapshot, or that the snapshot cannot be', () => {
    expect(chunkFault(REST, TERM)).toBeUndefined();
    expect(chunkFault(chunk(3, [4, 5, 6]), TERM)).toBe('3 bytes at 3 of a snapshot of 5 bytes');
    expect(chunkFault({ ...REST, snapshotTerm: 4 }, TERM)).toContain('a snapshot of entry 4/9');
  });
});

const CHUNK = 10;
const TIMEOUT_MS = 100;

describe('the sender of a snapshot in chunks', () => {
  /** One of so many bytes, and the chunks that it lets go. */
  function sending(bytes = 1000) {
    const data = Uint8Array.from({ length: bytes }, (_, i) => i % 251);
    const snapshot = { index: 9, term: 2, configuration, content: new MemoryContent(data) };
    const sender = new SnapshotSender(snapshot, { snapshotChunkBytes: CHUNK, electionTimeoutMs: TIMEOUT_MS });
    let seq = 50;
    const due = (nowMs: number) => {
      const offsets: number[] = [];
      while (sender.isDue(nowMs)) offsets.push(sender.take(++seq, nowMs).offset);
      return offsets;
    };
    return { sender, due, latest: () => seq, snapshot };
  }

  it('goes ahead of the answers by one chunk, then by one more with each, and by eight at most', () => {
    const { sender, due } = sending();
    expect(due(0)).toEqual([0]);
    expect(due(0)).toEqual([]);
    sender.answered(51, 10, 1);
    expect(due(1)).toEqual([10, 20]);
    sender.answered(52, 20, 1);
    expect(due(1)).toEqual([30, 40]);
    for (let seq = 53; seq <= 62; seq++) {
      sender.answered(seq, 10 * (seq - 50), 1);
      due(1);
    }
    sender.answered(63, 130, 1);
    expect(due(1)).toEqual([200]);
  });

  it('ends with what is left, and says so of the whole', () => {
    const { sender } = sending(14);
    expect(sender.take(1, 0)).toMatchObject({ index: 9, snapshotTerm: 2, configuration, offset: 0, total: 14 });
    sender.answered(1, 10, 0);
    expect(sender.take(2, 0).data).toEqual(Uint8Array.of(10, 11, 12, 13));
    expect(sender.isDue(0)).toBe(false);
    const nothing = sending(0);
    expect(nothing.sender.isDue(0)).toBe(true);
    expect(nothing.sender.take(1, 0)).toMatchObject({ offset: 0, total: 0 });
    expect(nothing.sender.isDue(0)).toBe(false);
  });

  /** 0 is there, 10 and 20 are on their way as numbers 52 and 53. */
  function underWay() {
    const all = sending();
    all.due(0);
    all.sender.answered(51, 10, 0);
    expect(all.due(0)).toEqual([10, 20]);
    return all;
  }

  it('goes back, once, to what an answer shows to be missing', () => {
    const { sender, due } = underWay();
    sender.answered(53, 10, 1);
    expect(due(1)).toEqual([10, 20]);
    // Of what was sent before, and says nothing new; nor does a copy of an answer.
    sender.answered(52, 10, 1);
    sender.answered(53, 10, 1);
    expect(due(1)).toEqual([]);
    sender.answered(55, 30, 1);
    expect(due(1)).toEqual([30, 40, 50]);
  });

  it('goes back to the beginning where the follower has lost what it had', () => {
    const { sender, due } = underWay();
    sender.answered(52, 0, 1);
    expect(due(1)).toEqual([0, 10]);
  });

  it('goes on where a transfer before it ended', () => {
    const { sender, due } = sending();
    due(0);
    sender.answered(51, 500, 1);
    expect(due(1)).toEqual([500, 510]);
  });

  it('does not hear what answers nothing of its own', () => {
    const { sender, due } = underWay();
    for (const seq of [0, 50, 54]) sender.answered(seq, 20, 1);
    expect(due(1)).toEqual([]);
    expect([50, 51, 53, 54].map((seq) => sender.didSend(seq))).toEqual([false, true, true, false]);
    expect(sending().sender.didSend(0)).toBe(false);
  });

  it('sends again, one by one, what is not answered in time, after a wait that grows', () => {
    const { sender, due } = underWay();
    expect(sender.tick(TIMEOUT_MS - 1)).toBe(false);
    expect(sender.tick(TIMEOUT_MS)).toBe(true);
    expect(sender.failures).toBe(1);
    expect(sender.tick(TIMEOUT_MS + 5)).toBe(false);
    expect(due(TIMEOUT_MS + 9)).toEqual([]);
    expect(due(TIMEOUT_MS + 10)).toEqual([10]);
    expect(sender.tick(2 * TIMEOUT_MS + 10)).toBe(true);
    expect(due(2 * TIMEOUT_MS + 29)).toEqual([]);
    sender.resume(2 * TIMEOUT_MS + 29);
    expect(due(2 * TIMEOUT_MS + 29)).toEqual([10]);
    for (let failures = 2; failures < 12; failures++) {
      const nowMs = (failures + 2) * 10_000;
      expect(sender.tick(nowMs)).toBe(true);
      expect(due(nowMs + TIMEOUT_MS)).toEqual([10]);
    }
    // A late answer is as good, and ends the waiting.
    sender.answered(53, 30, 200_000);
    expect(sender.failures).toBe(0);
    expect(due(200_000)).toEqual([30, 40]);
  });

  it('gives what is much the time that it takes', () => {
    const sender = new SnapshotSender(
      { index: 9, term: 2, configuration, content: new MemoryContent(new Uint8Array(2 << 20)) },
      { snapshotChunkBytes: 1 << 20, electionTimeoutMs: TIMEOUT_MS },
    );
    sender.take(1, 0);
    expect(sender.tick(TIMEOUT_MS + 101)).toBe(false);
    expect(sender.tick(TIMEOUT_MS + 102)).toBe(true);
  });

  it('asks with an empty chunk what became of the last one', () => {
    const { sender, due } = sending(15);
    due(0);
    sender.answered(51, 10, 0);
    expect(due(0)).toEqual([10]);
    sender.answered(52, 15, 0);
    expect(due(0)).toEqual([]);
    expect(sender.tick(TIMEOUT_MS)).toBe(true);
    expect(due(TIMEOUT_MS + 10)).toEqual([15]);
    sender.answered(53, 0, TIMEOUT_MS + 10);
    expect(due(TIMEOUT_MS + 10)).toEqual([0]);
  });

  it('brings the whole over any network that delivers now and then, to a follower that forgets now and then', () => {
    const step = fc.record({ lost: fc.boolean(), copies: fc.nat(1), swaps: fc.boolean(), forgets: fc.nat(9) });
    fc.assert(
      fc.property(fc.nat(95), fc.array(step, { maxLength: 40 }), (bytes, steps) => {
        const { sender, snapshot } = sending(bytes);
        let receiver = new SnapshotReceiver(receiveContent);
        let seq = 0;
        let nowMs = 0;
        let whole: SnapshotContent | undefined;
        for (let round = 0; whole === undefined; round++) {
          expect(round).toBeLessThan(200);
          const { lost, copies, swaps, forgets } = steps[round] ?? { lost: false, copies: 0, swaps: false, forgets: 1 };
          nowMs += TIMEOUT_MS;
          sender.tick(nowMs);
          nowMs += TIMEOUT_MS;
          const sent: { seq: number; chunk: Chunk }[] = [];
          while (sender.isDue(nowMs)) sent.push({ seq: ++seq, chunk: sender.take(seq, nowMs) });
          const arriving = [...sent, ...sent.slice(0, copies)];
          if (swaps) arriving.reverse();
          if (lost) arriving.shift();
          if (forgets === 0) receiver = new SnapshotReceiver(receiveContent);
          for (const each of arriving) {
            whole ??= take(receiver, LEADER, TERM, each.chunk)?.content;
            if (whole === undefined) sender.answered(each.seq, receiver.received(LEADER, TERM, each.chunk), nowMs);
          }
        }
        expect(whole).toEqual(snapshot.content);
      }),
    );
  });
});
