import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { HeaderField } from './headerField.ts';
import { HpackDecoder } from './hpackDecoder.ts';
import { ConnectionError } from './protocol.ts';
import { forgedFrames } from './testing/forgedFrames.ts';
import { RawPeer } from './testing/rawPeer.ts';

/** Bytes that a peer can make a connection keep: a stream's window, its headers and what is not read, many times over. */
const HELD_BYTES_MAX = 4 << 20;

async function survives(peer: RawPeer): Promise<void> {
  await peer.settle();
  expect(peer.heldBytesMax).toBeLessThan(HELD_BYTES_MAX);
  expect(peer.server.backlogBytes).toBeLessThan(1 << 20);
  if (peer.server.isOpen) {
    expect(peer.goAwayCode).toBeUndefined();
    peer.socket.end();
    await peer.settle();
  } else expect(peer.goAwayCode).toBeDefined();
  expect(peer.server.isOpen).toBe(false);
  expect(peer.server.heldBytes).toBe(0);
  expect(peer.server.streamCount).toBe(0);
}

describe('whatever comes', () => {
  it('in frames is answered or ends the connection, and nothing is kept of it', async () => {
    const property = fc.asyncProperty(forgedFrames, fc.integer({ min: 1, max: 5000 }), async (frames, size) => {
      const peer = new RawPeer({ windowBytes: 1 << 17, streamsMax: 10 }).begin();
      const all = Buffer.concat(frames);
      for (let at = 0; at < all.length; at += size) peer.send(all.subarray(at, at + size));
      await survives(peer);
    });
    await fc.assert(property, { numRuns: 300 });
  });

  it('in bytes is no different', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 20 }),
      async (pieces) => {
        const peer = new RawPeer().begin();
        for (const piece of pieces) peer.send(Buffer.from(piece));
        await survives(peer);
      },
    );
    await fc.assert(property, { numRuns: 300 });
  });

  it('in a header block is decoded or refused by name, in a table of bounded size', () => {
    const decoder = () => new HpackDecoder(16_384);
    const property = fc.property(fc.array(fc.uint8Array({ maxLength: 60 }), { maxLength: 30 }), (blocks) => {
      const decoding = decoder();
      const fields: HeaderField[] = [];
      try {
        for (const block of blocks) decoding.decode(Buffer.from(block), fields);
      } catch (error) {
        expect(error).toBeInstanceOf(ConnectionError);
      }
      expect(decoding.size).toBeLessThanOrEqual(4096);
      expect(fields.reduce((sum, { bytes }) => sum + bytes, 0)).toBeLessThanOrEqual(16_384);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});
