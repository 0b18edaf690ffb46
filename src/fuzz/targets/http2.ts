import fc from 'fast-check';
import { frameBytes } from '../../net/http2/frame.ts';
import type { HeaderField } from '../../net/http2/headerField.ts';
import { HpackDecoder } from '../../net/http2/hpackDecoder.ts';
import { encodeFields } from '../../net/http2/hpackEncoder.ts';
import { ConnectionError, FrameType, PREFACE } from '../../net/http2/protocol.ts';
import { forgedFrames } from '../../net/http2/testing/forgedFrames.ts';
import { RawPeer, REQUEST, withPath } from '../../net/http2/testing/rawPeer.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

/** What the other end can make a connection keep: a stream's window, its headers and what is not read, many times over. */
const HELD_BYTES_MAX = 4 << 20;
const BACKLOG_BYTES_MAX = 1 << 20;
const LIST_BYTES_MAX = 16_384;
const TABLE_BYTES_MAX = 4096;

interface Talk {
  readonly bytes: Uint8Array;
  readonly pieceBytes: number;
}

const BEGINNING = Buffer.concat([PREFACE, frameBytes(FrameType.Settings, 0, 0, Buffer.alloc(0))]);
const frames = forgedFrames.map((list) => new Uint8Array(Buffer.concat(list)));
const talk = fc
  .oneof({ weight: 1, arbitrary: frames }, { weight: 2, arbitrary: damagedBytes(frames) })
  .map((bytes) => new Uint8Array(Buffer.concat([BEGINNING, bytes])));

/** As `src/net/http2/fuzz.test.ts` has it. */
const HTTP2: FuzzTarget<Talk> = {
  name: 'http2',
  takes: "the server's end of HTTP/2",
  inputs: fc.record({
    bytes: fc.oneof({ weight: 9, arbitrary: talk }, { weight: 1, arbitrary: damagedBytes(talk) }),
    pieceBytes: fc.oneof(fc.integer({ min: 20, max: 5000 }), fc.constant(1 << 20)),
  }),
  async check({ bytes, pieceBytes }) {
    const peer = new RawPeer({ windowBytes: 1 << 17, streamsMax: 10 });
    const all = Buffer.from(bytes);
    for (let at = 0; at < all.length; at += pieceBytes) peer.send(all.subarray(at, at + pieceBytes));
    await peer.settle();
    const { server } = peer;
    demand(peer.heldBytesMax < HELD_BYTES_MAX, () => `a connection holds ${peer.heldBytesMax} bytes`);
    demand(server.backlogBytes < BACKLOG_BYTES_MAX, () => `${server.backlogBytes} bytes wait to be read`);
    demand(!server.isOpen || peer.goAwayCode === undefined, 'a connection that was ended is over');
    if (server.isOpen) {
      peer.socket.end();
      await peer.settle();
    }
    demand(!server.isOpen, 'a connection whose other end is gone is over');
    demand(server.heldBytes === 0 && server.streamCount === 0, 'nothing is kept of a connection that is over');
    peer.socket.destroy();
    return peer.heads.length > 0;
  },
};

/** RFC 7541, 6: an index, a literal that enters the table or does not, a size of the table. */
const text = fc.string({ unit: fc.constantFrom('a', 'b', '-', ':'), maxLength: 12 });
const literal = fc.tuple(fc.constantFrom(0x00, 0x10, 0x40), text, text).map(([kind, name, value]) => {
  return Buffer.concat([Buffer.of(kind, name.length), Buffer.from(name), Buffer.of(value.length), Buffer.from(value)]);
});
const named = fc.tuple(fc.integer({ min: 1, max: 62 }), text).map(([index, value]) => {
  return Buffer.concat([Buffer.of(0x40 | index, value.length), Buffer.from(value)]);
});
const block = fc.oneof(
  fc
    .array(
      fc.oneof(
        literal,
        named,
        fc
          .oneof(fc.integer({ min: 1, max: 61 }), fc.integer({ min: 62, max: 66 }))
          .map((index) => Buffer.of(0x80 | index)),
      ),
      { maxLength: 8 },
    )
    .map((parts) => Buffer.concat(parts)),
  fc.constantFrom(encodeFields(REQUEST), encodeFields(withPath('/stop'))),
  fc.nat(30).map((size) => Buffer.of(0x20 | size)),
);

/** A few, again and again: calls of one method mostly send the same. */
const blocks: fc.Arbitrary<readonly Uint8Array[]> = fc
  .tuple(
    fc.array(damagedBytes(block.map((bytes) => new Uint8Array(bytes))), { minLength: 1, maxLength: 3 }),
    fc.array(fc.nat(2), { minLength: 1, maxLength: 10 }),
  )
  .map(([some, order]) => order.map((which) => some[which % some.length]!));

const shown = (fields: readonly HeaderField[]): string =>
  fields.map(({ name, value }) => `${name}=${value}`).join('\n');
const NOTHING = Buffer.alloc(0);

const HPACK: FuzzTarget<readonly Uint8Array[]> = {
  name: 'hpack',
  takes: 'header blocks of one connection',
  inputs: blocks,
  check(list) {
    const decoder = new HpackDecoder(LIST_BYTES_MAX);
    // The same without what remembers the last block.
    const forgetful = new HpackDecoder(LIST_BYTES_MAX);
    const fields: HeaderField[] = [];
    const others: HeaderField[] = [];
    let blocksRead = 0;
    for (const bytes of list) {
      const decode = (into: HeaderField[], by: HpackDecoder) => by.decode(Buffer.from(bytes), into);
      const first = taken(() => decode(fields, decoder), ConnectionError);
      forgetful.decode(NOTHING, others);
      const second = taken(() => decode(others, forgetful), ConnectionError);
      demand((first === undefined) === (second === undefined), 'a block means the same, remembered or not');
      if (first === undefined) break;
      blocksRead++;
      demand(shown(fields) === shown(others), 'a block has the same fields, remembered or not');
      demand(decoder.size <= TABLE_BYTES_MAX, () => `a table of ${decoder.size} bytes`);
      const listBytes = fields.reduce((sum, field) => sum + field.bytes, 0);
      demand(listBytes <= LIST_BYTES_MAX, () => `a list of ${listBytes} bytes`);
    }
    return blocksRead > 0;
  },
};

export const HTTP2_READ = [HTTP2, HPACK] as const;
