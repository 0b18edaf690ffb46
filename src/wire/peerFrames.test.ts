import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeHello, encodeHello, encodeRefusal, encodeWelcome } from './peerCodec.ts';
import {
  decodeLargeBegin,
  decodeMessages,
  decodeTaken,
  encodeFrame,
  encodeTaken,
  FrameKind,
  FrameReader,
  HEADER_BYTES,
  MalformedFrameError,
  PAYLOAD_BYTES_MAX,
  PEER_PREFACE,
  sealFrame,
} from './peerFrames.ts';

interface Read {
  readonly kind: FrameKind;
  readonly payload: Buffer;
}

/** Bytes pushed in pieces that end at the given places. */
function readIn(bytes: Buffer, cuts: readonly number[]): Read[] {
  const frames: Read[] = [];
  const reader = new FrameReader(PAYLOAD_BYTES_MAX, (kind, payload) =>
    frames.push({ kind, payload: Buffer.from(payload) }),
  );
  let from = 0;
  for (const to of [...cuts, bytes.length].sort((a, b) => a - b)) {
    reader.push(bytes.subarray(from, to));
    from = to;
  }
  expect(reader.heldBytes).toBe(0);
  return frames;
}

const kinds = fc.constantFrom(...Object.values(FrameKind));
const frames = fc.array(fc.record({ kind: kinds, payload: fc.uint8Array({ maxLength: 300 }) }), { maxLength: 8 });

/** Why these bytes are no frame; undefined where they are one, or not all of one. */
function faultOf(bytes: Uint8Array, payloadBytesMax = PAYLOAD_BYTES_MAX): string | undefined {
  try {
    new FrameReader(payloadBytesMax, () => {}).push(Buffer.from(bytes));
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(MalformedFrameError);
    return (error as Error).message;
  }
}

describe('frames between peers', () => {
  it('stand on the wire as they always did', () => {
    expect(PEER_PREFACE.toString('hex')).toBe('89524b560d0a1a0a');
    expect(encodeFrame(FrameKind.Ping, new Uint8Array(0)).toString('hex')).toBe('000000000607000000000000781df166');
    expect(encodeTaken(2 ** 40 + 1, 6).toString('hex')).toBe('000000080609000000000000707d49ab0000010000000001');
    const hello = encodeHello({ from: 1, to: 2, engine: 'etcd', introduction: undefined });
    expect(hello.toString('hex')).toBe('0000000c0601000000000000c54d90a4080610011802220465746364');
    const refusal = encodeRefusal({ code: 9, details: 'no', reason: 'forgotten' });
    expect(refusal.toString('hex')).toBe('0000001106030000000000000b53b4d9080912026e6f1a09666f72676f7474656e');
    expect(encodeWelcome({ introduction: undefined }).toString('hex')).toBe('0000000206020000000000008b85b7fa0806');
  });

  it('are found however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.nat(2000), { maxLength: 20 }), (all, cuts) => {
        const bytes = Buffer.concat(all.map(({ kind, payload }) => encodeFrame(kind, payload)));
        const read = readIn(
          bytes,
          cuts.map((cut) => Math.min(cut, bytes.length)),
        );
        expect(read).toEqual(all.map(({ kind, payload }) => ({ kind, payload: Buffer.from(payload) })));
      }),
    );
  });

  it('say of which group their messages are', () => {
    const groups: number[] = [];
    const reader = new FrameReader(PAYLOAD_BYTES_MAX, (_kind, _payload, group) => groups.push(group));
    for (const group of [0, 1, 2 ** 32 - 1]) {
      for (const kind of [FrameKind.Messages, FrameKind.LargeBegin, FrameKind.LargeMore]) {
        const frame = encodeFrame(kind, Buffer.from([1, 7]));
        frame.writeUInt32BE(group, 8);
        reader.push(sealFrame(frame));
      }
    }
    expect(groups).toEqual([0, 0, 0, 1, 1, 1, 2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1]);
  });

  it('of large messages are put together where the one before was, and no others', () => {
    const payloads: Uint8Array[] = [];
    const reader = new FrameReader(PAYLOAD_BYTES_MAX, (_kind, payload) => payloads.push(payload));
    const inTwo = (kind: FrameKind, fill: number) => {
      const frame = encodeFrame(kind, Buffer.alloc(1000, fill));
      reader.push(frame.subarray(0, 500));
      reader.push(frame.subarray(500));
    };
    for (const fill of [1, 2]) {
      inTwo(FrameKind.LargeMore, fill);
      inTwo(FrameKind.Messages, fill);
    }
    expect(payloads.map(([first]) => first)).toEqual([2, 1, 2, 2]);
    expect(payloads[0]!.buffer).toBe(payloads[2]!.buffer);
  });

  it('are found byte by byte', () => {
    const bytes = Buffer.concat([encodeFrame(FrameKind.Messages, Buffer.from([1, 7])), encodeTaken(5, 6)]);
    const read = readIn(
      bytes,
      Array.from(bytes, (_, at) => at),
    );
    expect(read.map(({ kind }) => kind)).toEqual([FrameKind.Messages, FrameKind.Taken]);
  });

  it('are refused with any one bit of them flipped', () => {
    const frame = encodeFrame(FrameKind.Messages, Buffer.from([3, 1, 2, 3]));
    for (let bit = 0; bit < frame.length * 8; bit++) {
      const flipped = Buffer.from(frame);
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      // A greater length is noticed once as many bytes have come, or as too great.
      expect(faultOf(Buffer.concat([flipped, Buffer.alloc(PAYLOAD_BYTES_MAX)])), `bit ${bit}`).toBeDefined();
    }
  });

  it('name what is wrong with them', () => {
    const changed = (at: number, value: number) => {
      const frame = encodeFrame(FrameKind.Ping, new Uint8Array(0));
      frame[at] = value;
      return sealFrame(frame);
    };
    expect(faultOf(changed(4, 4))).toBe('a frame of peer protocol version 4, expected 6');
    expect(faultOf(changed(5, 0))).toBe('a frame of unknown kind 0');
    expect(faultOf(changed(5, 200))).toBe('a frame of unknown kind 200');
    expect(faultOf(changed(6, 1))).toBe('a frame of unknown kind 7');
    expect(faultOf(changed(11, 1))).toBe('a frame of kind 7 and group 1, expected 0');
    expect(faultOf(encodeFrame(FrameKind.Hello, Buffer.alloc(101)), 100)).toBe(
      'a frame of 101 bytes, expected at most 100',
    );
  });

  it('hold no more than a frame, and nothing for a length that is only announced', () => {
    const reader = new FrameReader(PAYLOAD_BYTES_MAX, () => {});
    reader.push(encodeFrame(FrameKind.Messages, Buffer.alloc(PAYLOAD_BYTES_MAX)).subarray(0, HEADER_BYTES + 10));
    expect(reader.heldBytes).toBe(HEADER_BYTES + 10);
  });

  it('whose payload cannot be read are refused', () => {
    const fault = (read: () => unknown) => expect(read).toThrow(MalformedFrameError);
    fault(() => decodeMessages(Uint8Array.of(5, 1, 2)));
    fault(() => decodeMessages(Uint8Array.of(0x80)));
    fault(() => decodeLargeBegin(new Uint8Array(0)));
    fault(() => decodeTaken(Uint8Array.of(1)));
    fault(() => decodeTaken(new Uint8Array(8).fill(255)));
    fault(() => decodeHello(Uint8Array.of(0x0a, 0xff)));
  });
});
