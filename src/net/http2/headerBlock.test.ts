import { expect, it } from 'vitest';
import { HeaderBlock } from './headerBlock.ts';
import { ConnectionError } from './protocol.ts';

/** The largest `-maxheaders`. */
const HEADER_BYTES_MAX = 256 * 1024;
/** Of a frame, where nothing else was agreed on. */
const FRAME_BYTES = 16_384;

it('a header block may be as large as the head that is taken, in usual frames, and not much larger', () => {
  const block = new HeaderBlock(2 * HEADER_BYTES_MAX);
  const frame = Buffer.alloc(FRAME_BYTES);
  block.begin(1, 0, frame);
  while (block.bytes < 2 * HEADER_BYTES_MAX) block.add(frame);
  expect(() => block.add(Buffer.alloc(1))).toThrow(ConnectionError);
  const small = new HeaderBlock(FRAME_BYTES);
  small.begin(1, 0, frame);
  expect(() => small.add(Buffer.alloc(1))).toThrow('a header block without end');
});
