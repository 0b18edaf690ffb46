import fc from 'fast-check';
import { frameBytes } from '../frame.ts';
import { encodeFields } from '../hpackEncoder.ts';
import { FrameType } from '../protocol.ts';
import { data, headers, REQUEST, withPath } from './rawPeer.ts';

/** Makes a frame, of the stream that is next, the one that was begun last, or any. */
type Draw = (streams: { next: number; last: number }) => Buffer;

const id = fc.oneof(fc.constantFrom(0, 1, 3, 5, 7), fc.nat(40));
const path = fc.constantFrom('/echo', '/stop', '/refused');
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  fc.constantFrom(encodeFields(REQUEST), encodeFields(withPath('/stop')), encodeFields(withPath('/refused'))),
  fc.nat(16_400).map((size) => Buffer.alloc(size, 7)),
);
const anyFrame = fc.tuple(fc.nat(12), fc.oneof(fc.constantFrom(0, 1, 4, 5), fc.nat(255)), id, payload).map(
  ([type, flags, stream, bytes]): Draw =>
    () =>
      frameBytes(type, flags, stream, bytes),
);
const request = fc.tuple(fc.boolean(), path).map(
  ([end, to]): Draw =>
    (streams) => {
      streams.last = streams.next;
      streams.next += 2;
      return headers(streams.last, { end, fields: withPath(to) });
    },
);
const body = fc.tuple(fc.nat(3000), fc.boolean()).map(
  ([size, end]): Draw =>
    ({ last }) =>
      data(last, Buffer.alloc(size), end),
);
const control = fc.constantFrom(FrameType.WindowUpdate, FrameType.ResetStream).map(
  (type): Draw =>
    ({ last }) =>
      frameBytes(type, 0, last, Buffer.alloc(4, 1)),
);
const ofConnection = fc.constantFrom(FrameType.Ping, FrameType.Settings, FrameType.WindowUpdate).map((type): Draw => {
  const size = { [FrameType.Ping]: 8, [FrameType.Settings]: 0, [FrameType.WindowUpdate]: 4 }[type];
  return () => frameBytes(type, 0, 0, Buffer.alloc(size, 1));
});
/** Of a stream that may not be there, or be over. */
const astray = fc.oneof(
  fc.tuple(id, fc.boolean(), path).map(
    ([of, end, to]): Draw =>
      () =>
        headers(of, { end, fields: withPath(to) }),
  ),
  fc.tuple(id, fc.nat(3000), fc.boolean()).map(
    ([of, size, end]): Draw =>
      () =>
        data(of, Buffer.alloc(size), end),
  ),
  fc.tuple(id, fc.constantFrom(8, 3, 6, 4)).map(
    ([of, type]): Draw =>
      () =>
        frameBytes(type, 0, of, Buffer.alloc(type === 6 ? 8 : 4, 1)),
  ),
);

/** Frames to `RawPeer`'s server, most of which make some sense. */
export const forgedFrames: fc.Arbitrary<Buffer[]> = fc
  .array(
    fc.oneof(
      { weight: 24, arbitrary: request },
      { weight: 24, arbitrary: body },
      { weight: 6, arbitrary: control },
      { weight: 4, arbitrary: ofConnection },
      { weight: 3, arbitrary: astray },
      { weight: 2, arbitrary: anyFrame },
    ),
    { maxLength: 60 },
  )
  .map((draws) => {
    const streams = { next: 1, last: 1 };
    return draws.map((draw) => draw(streams));
  });
