import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LARGE_PART_BYTES } from '../../consensus/entryCodec.ts';
import { decodeMessages, FRAME_BYTES, FrameKind, FrameReader, PAYLOAD_BYTES_MAX } from '../../wire/peerFrames.ts';
import { LargeMessage } from './largeMessage.ts';
import { LINK_BYTES_MAX, Outbox, OVERTAKING_BYTES_MAX } from './outbox.ts';
import { MessagePieces } from './outgoing.ts';

const LARGE_MAX = 1 << 20;

/** What a peer makes of the frames. */
class Inbox {
  readonly messages: Uint8Array[] = [];
  readonly kinds: FrameKind[] = [];
  private readonly large = new LargeMessage(LARGE_MAX);
  private readonly reader = new FrameReader(PAYLOAD_BYTES_MAX, (kind, payload) => {
    this.kinds.push(kind);
    if (kind === FrameKind.Messages) this.messages.push(...decodeMessages(payload));
    else if (kind === FrameKind.LargeBegin) this.large.begin(payload);
    else {
      const message = this.large.more(payload);
      if (message !== undefined) this.messages.push(message);
    }
  });

  take(frame: readonly Uint8Array[] | undefined): boolean {
    if (frame !== undefined) this.reader.push(Buffer.concat(frame));
    return frame !== undefined;
  }

  get heldBytes(): number {
    return this.large.heldBytes;
  }
}

/** Message `n`, of so many bytes: the first tells it apart. */
const message = (n: number, bytes: number) => new Uint8Array(bytes).fill(n);

describe('the messages that wait for a peer', () => {
  it('leave in order: small ones together, a large one in pieces', () => {
    const [outbox, inbox] = [new Outbox(), new Inbox()];
    const sizes = [10, 0, 20, 3 * FRAME_BYTES + 1, 5, FRAME_BYTES, 1];
    for (const [i, size] of sizes.entries()) outbox.add(message(i, size), false);
    while (inbox.take(outbox.nextOrdered()));
    expect(inbox.messages.map((bytes) => bytes.length)).toEqual(sizes);
    expect(inbox.messages.every((bytes, i) => Buffer.compare(bytes, message(i, sizes[i]!)) === 0)).toBe(true);
    const { Messages, LargeBegin, LargeMore } = FrameKind;
    const pieces = [LargeBegin, LargeMore, LargeMore, LargeMore];
    expect(inbox.kinds).toEqual([Messages, ...pieces, Messages, Messages, Messages]);
    expect(outbox.waitingBytes).toBe(0);
  });

  it('go between the pieces of a large one where they may overtake', () => {
    const [outbox, inbox] = [new Outbox(), new Inbox()];
    outbox.add(message(1, 4 * FRAME_BYTES), false);
    outbox.add(message(2, 100), false);
    inbox.take(outbox.nextOrdered());
    outbox.add(message(3, 10), true);
    outbox.add(message(4, 10), true);
    expect(outbox.waitingBytes).toBe(3 * FRAME_BYTES + 120);
    expect(inbox.take(outbox.nextOvertaking())).toBe(true);
    expect(inbox.messages.map(([n]) => n)).toEqual([3, 4]);
    expect(outbox.nextOvertaking()).toBeUndefined();
    while (inbox.take(outbox.nextOrdered()));
    expect(inbox.messages.map(([n]) => n)).toEqual([3, 4, 1, 2]);
  });

  it('stay in order where little waits, whatever may overtake', () => {
    const [outbox, inbox] = [new Outbox(), new Inbox()];
    outbox.add(message(1, FRAME_BYTES), false);
    outbox.add(message(2, 10), true);
    expect(outbox.nextOvertaking()).toBeUndefined();
    while (inbox.take(outbox.nextOrdered()));
    expect(inbox.messages.map(([n]) => n)).toEqual([1, 2]);
  });

  it('heartbeats were dropped where large entries filled the link', () => {
    const outbox = new Outbox();
    outbox.add(new Uint8Array(LINK_BYTES_MAX + 1), false);
    expect([outbox.hasRoom(false), outbox.hasRoom(true)]).toEqual([false, true]);
    for (let bytes = 0; bytes <= OVERTAKING_BYTES_MAX; bytes += FRAME_BYTES) outbox.add(message(1, FRAME_BYTES), true);
    expect(outbox.hasRoom(true)).toBe(false);
    outbox.nextOvertaking();
    expect([outbox.hasRoom(false), outbox.hasRoom(true)]).toEqual([false, true]);
  });

  it('arrive all of them, and those that may not overtake in order', () => {
    const size = fc.oneof(fc.nat(300), fc.integer({ min: FRAME_BYTES - 3, max: FRAME_BYTES + 3 }), fc.nat(300_000));
    const step = fc.oneof(
      fc.record({ size, cut: fc.nat(200_000), mayOvertake: fc.boolean() }),
      fc.constantFrom('overtaking' as const, 'ordered' as const),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [outbox, inbox] = [new Outbox(), new Inbox()];
        const sent: { readonly bytes: Uint8Array; readonly mayOvertake: boolean }[] = [];
        for (const each of steps) {
          if (each === 'overtaking') inbox.take(outbox.nextOvertaking());
          else if (each === 'ordered') inbox.take(outbox.nextOrdered());
          else {
            const bytes = message(sent.length, each.size + 1);
            sent.push({ bytes, mayOvertake: each.mayOvertake });
            const cut = bytes.length > FRAME_BYTES && each.cut < bytes.length ? each.cut : 0;
            const pieces = [bytes.subarray(0, cut), bytes.subarray(cut)];
            outbox.add(cut === 0 ? bytes : new MessagePieces(pieces), each.mayOvertake);
          }
        }
        while (inbox.take(outbox.nextOvertaking()) || inbox.take(outbox.nextOrdered()));
        expect(outbox.waitingBytes).toBe(0);
        expect(inbox.heldBytes).toBe(0);
        const arrived = inbox.messages.map(([n]) => n!);
        expect([...arrived].sort((a, b) => a - b)).toEqual(sent.map((_, n) => n));
        for (const bytes of inbox.messages) expect(bytes.length).toBe(sent[bytes[0]!]!.bytes.length);
        const inOrder = arrived.filter((n) => !sent[n]!.mayOvertake);
        expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
      }),
      { numRuns: 60 },
    );
  });
});

describe('a large message', () => {
  it('leaves in the same frames where it is in pieces of memory, which are not copied', () => {
    const whole = Uint8Array.from({ length: 3 * FRAME_BYTES + 100 }, (_, at) => at % 251);
    const [ofOne, ofMany] = [new Outbox(), new Outbox()];
    ofOne.add(whole, false);
    const cuts = [0, 7, 8, FRAME_BYTES, 2 * FRAME_BYTES + 9, whole.length];
    ofMany.add(new MessagePieces(cuts.slice(1).map((cut, i) => whole.subarray(cuts[i]!, cut))), false);
    for (let frame = ofOne.nextOrdered(); frame !== undefined; frame = ofOne.nextOrdered()) {
      const [head, ...parts] = ofMany.nextOrdered()!;
      expect(Buffer.compare(Buffer.concat([head!, ...parts]), Buffer.concat(frame))).toBe(0);
      expect(parts.every(({ buffer }) => buffer === whole.buffer)).toBe(true);
    }
    expect(ofMany.nextOrdered()).toBeUndefined();
    expect(ofMany.waitingBytes).toBe(0);
  });

  it('needs more than a frame wherever a codec takes it for large', () => {
    expect(LARGE_PART_BYTES).toBeGreaterThanOrEqual(FRAME_BYTES);
  });

  const begin = (total: number, piece: number) => {
    const outbox = new Outbox();
    outbox.add(new Uint8Array(total), false);
    const frame = Buffer.concat(outbox.nextOrdered()!);
    return frame.subarray(frame.length - FRAME_BYTES - 3, frame.length - FRAME_BYTES + piece);
  };

  it('is refused where its pieces make no sense', () => {
    const large = new LargeMessage(3 * FRAME_BYTES);
    expect(() => large.more(Uint8Array.of(1))).toThrow('has not begun');
    expect(() => large.begin(begin(4 * FRAME_BYTES, 10))).toThrow('a message of 262144 bytes, expected at most 196608');
    expect(() => large.begin(Uint8Array.of(2, 1, 2, 3))).toThrow('not large');
    large.begin(begin(2 * FRAME_BYTES, 10));
    expect(large.heldBytes).toBe(10);
    expect(() => large.begin(begin(2 * FRAME_BYTES, 10))).toThrow('before the last one has ended');
    expect(() => large.more(new Uint8Array(2 * FRAME_BYTES))).toThrow('are missing');
    expect(() => large.more(new Uint8Array(0))).toThrow('are missing');
  });
});
