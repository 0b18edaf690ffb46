import { describe, expect, it, vi } from 'vitest';
import { frameBytes, uint32Payload } from './frame.ts';
import { encodeFields } from './hpackEncoder.ts';
import { ErrorCode, Flag, FrameType, PREFACE, Setting } from './protocol.ts';
import {
  data,
  headers,
  initialWindow,
  RawPeer,
  REQUEST,
  reset,
  setting,
  windowUpdate,
  withPath,
} from './testing/rawPeer.ts';

/** What h2spec asks of a server, by the sections of RFC 9113 (RFC 7540's where it has moved). */

const padded = (type: number, id: number, padding: number, payload: Buffer, flags = 0) =>
  frameBytes(type, flags | Flag.Padded, id, Buffer.concat([Buffer.of(padding), payload, Buffer.alloc(padding)]));
const BLOCK = encodeFields(REQUEST);
const priority = (id: number, dependsOn: number) =>
  frameBytes(FrameType.Priority, 0, id, Buffer.concat([uint32Payload(dependsOn), Buffer.of(7)]));
const ping = (payload: string, flags = 0, id = 0) => frameBytes(FrameType.Ping, flags, id, Buffer.from(payload));
const requestWith = (...more: [string, string][]) => headers(1, { fields: [...REQUEST, ...more] });
const requestWithout = (name: string, ...more: [string, string][]) =>
  headers(1, { fields: [...REQUEST.filter(([each]) => each !== name), ...more] });

async function begun(...frames: Buffer[]) {
  return new RawPeer()
    .begin()
    .send(...frames)
    .settle();
}

/** The connection still serves. */
async function serves(peer: RawPeer, id = 101) {
  peer.send(headers(id, { end: false }), data(id, Buffer.from('still here'), true));
  await peer.settle();
  expect(String(peer.body(id))).toBe('still here');
}

describe('a request', () => {
  it('is answered with its body, in a few frames', async () => {
    const peer = await begun(
      headers(1, { end: false }),
      data(1, Buffer.from('hello ')),
      data(1, Buffer.from('you'), true),
    );
    expect(String(peer.body(1))).toBe('hello you');
    const [first, last] = peer.of(FrameType.Headers, 1);
    expect(peer.fieldsOf(first!)).toEqual({ ':status': '200' });
    expect(peer.fieldsOf(last!)).toEqual({ 'x-end': '1' });
    expect(last!.flags).toBe(Flag.EndHeaders | Flag.EndStream);
    expect(peer.server.streamCount).toBe(0);
  });

  it('is understood byte by byte', async () => {
    const peer = new RawPeer();
    const all = Buffer.concat([
      PREFACE,
      frameBytes(FrameType.Settings, 0, 0),
      headers(1, { end: false }),
      data(1, Buffer.alloc(300, 'x')),
      data(1, Buffer.from('end'), true),
    ]);
    for (const byte of all) {
      peer.send(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    await peer.settle();
    expect(peer.body(1).length).toBe(303);
    expect(peer.server.heldBytes).toBe(0);
  });

  it('may have trailers, padding, priorities and unknown frames and flags around it', async () => {
    const peer = await begun(
      priority(1, 0),
      frameBytes(0xbe, 0xff, 0, Buffer.from('unknown')),
      padded(FrameType.Headers, 1, 5, BLOCK, Flag.EndHeaders),
      padded(FrameType.Data, 1, 9, Buffer.from('hi')),
      frameBytes(FrameType.Data, 0xc2, 1, Buffer.from(' ho')),
      headers(1, { fields: [['x-trailer', '1']] }),
    );
    expect(String(peer.body(1))).toBe('hi ho');
  });

  it('may have its headers in several frames', async () => {
    const peer = await begun(
      headers(1, { flags: 0, block: BLOCK.subarray(0, 3) }),
      frameBytes(FrameType.Continuation, 0, 1, BLOCK.subarray(3, 7)),
      frameBytes(FrameType.Continuation, Flag.EndHeaders, 1, BLOCK.subarray(7)),
    );
    expect(peer.heads.map(({ path }) => path)).toEqual(['/echo']);
    expect(peer.of(FrameType.Headers, 1)).toHaveLength(2);
  });
});

describe('the whole connection ends', () => {
  const { ProtocolError, FrameSizeError, CompressionError, FlowControlError, StreamClosed, EnhanceYourCalm } =
    ErrorCode;
  it.each<[string, number, Buffer[]]>([
    ['4.2 HEADERS larger than a frame may be', FrameSizeError, [headers(1, { block: Buffer.alloc(16_385) })]],
    ['4.3 a header block that cannot be decoded', CompressionError, [headers(1, { block: Buffer.from([0x80]) })]],
    ['4.3 PRIORITY inside a header block', ProtocolError, [headers(1, { flags: 0 }), priority(1, 0)]],
    ['4.3 HEADERS inside a header block', ProtocolError, [headers(1, { flags: 0 }), headers(3)]],
    ['5.1 DATA on an idle stream', ProtocolError, [data(1)]],
    ['5.1 RST_STREAM on an idle stream', ProtocolError, [reset(1, 8)]],
    ['5.1 WINDOW_UPDATE on an idle stream', ProtocolError, [windowUpdate(1, 5)]],
    ['5.1 CONTINUATION on an idle stream', ProtocolError, [frameBytes(FrameType.Continuation, 4, 1, BLOCK)]],
    ['5.1 HEADERS on a stream that is over', StreamClosed, [headers(1), headers(1)]],
    ['5.1.1 a stream of an even number', ProtocolError, [headers(2)]],
    ['5.1.1 a number below the last', ProtocolError, [headers(5), headers(3)]],
    ['5.3.1 a stream that depends on itself', ProtocolError, [priority(3, 3)]],
    ['5.5 an unknown frame inside a header block', ProtocolError, [headers(1, { flags: 0 }), frameBytes(0xbe, 0, 1)]],
    ['6.1 DATA on no stream', ProtocolError, [data(0)]],
    ['6.1 more padding than DATA', ProtocolError, [headers(1, { end: false }), frameBytes(0, 8, 1, Buffer.of(1))]],
    ['6.2 HEADERS on no stream', ProtocolError, [headers(0)]],
    ['6.2 more padding than HEADERS', ProtocolError, [frameBytes(1, 0xd, 1, Buffer.concat([Buffer.of(200), BLOCK]))]],
    ['6.3 PRIORITY on no stream', ProtocolError, [priority(0, 1)]],
    ['6.3 PRIORITY of another length', FrameSizeError, [frameBytes(FrameType.Priority, 0, 1, Buffer.alloc(4))]],
    ['6.4 RST_STREAM on no stream', ProtocolError, [reset(0, 8)]],
    [
      '6.4 RST_STREAM of another length',
      FrameSizeError,
      [headers(1, { end: false }), frameBytes(3, 0, 1, Buffer.alloc(3))],
    ],
    ['6.5 an acknowledgement with a payload', FrameSizeError, [frameBytes(4, 1, 0, Buffer.alloc(6))]],
    ['6.5 SETTINGS on a stream', ProtocolError, [frameBytes(4, 0, 1, Buffer.alloc(6))]],
    ['6.5 SETTINGS of another length', FrameSizeError, [frameBytes(4, 0, 0, Buffer.alloc(5))]],
    ['6.5.2 ENABLE_PUSH of 2', ProtocolError, [frameBytes(4, 0, 0, setting(Setting.EnablePush, 2))]],
    ['6.5.2 a window of 2^31', FlowControlError, [frameBytes(4, 0, 0, initialWindow(2 ** 31))]],
    ['6.5.2 frames below 2^14', ProtocolError, [frameBytes(4, 0, 0, setting(Setting.MaxFrameSize, 16_383))]],
    ['6.5.2 frames of 2^24', ProtocolError, [frameBytes(4, 0, 0, setting(Setting.MaxFrameSize, 2 ** 24))]],
    ['6.7 PING on a stream', ProtocolError, [ping('12345678', 0, 1)]],
    ['6.7 PING of another length', FrameSizeError, [ping('123456')]],
    ['6.8 GOAWAY on a stream', ProtocolError, [frameBytes(FrameType.GoAway, 0, 1, Buffer.alloc(8))]],
    ['6.9 WINDOW_UPDATE by nothing', ProtocolError, [windowUpdate(0, 0)]],
    ['6.9 WINDOW_UPDATE of another length', FrameSizeError, [frameBytes(8, 0, 0, Buffer.alloc(3))]],
    ['6.9.1 a window beyond 2^31 - 1', FlowControlError, [windowUpdate(0, 2 ** 31 - 1), windowUpdate(0, 2 ** 31 - 1)]],
    [
      '6.9.2 a stream window beyond it, by SETTINGS',
      FlowControlError,
      [headers(1, { end: false }), windowUpdate(1, 2 ** 30), frameBytes(4, 0, 0, initialWindow(2 ** 31 - 1))],
    ],
    ['6.10 CONTINUATION of what is complete', ProtocolError, [headers(1), frameBytes(9, 4, 1, BLOCK)]],
    ['6.10 CONTINUATION on another stream', ProtocolError, [headers(1, { flags: 0 }), frameBytes(9, 4, 3, BLOCK)]],
    ['8.4 PUSH_PROMISE', ProtocolError, [frameBytes(5, 4, 1, Buffer.concat([uint32Payload(2), BLOCK]))]],
    [
      '10.5.1 CONTINUATION without end',
      EnhanceYourCalm,
      [headers(1, { flags: 0 }), ...Array.from({ length: 40 }, () => frameBytes(9, 0, 1, Buffer.alloc(0)))],
    ],
    [
      '10.5.1 a header block without end',
      EnhanceYourCalm,
      [headers(1, { flags: 0 }), ...Array.from({ length: 3 }, () => frameBytes(9, 0, 1, Buffer.alloc(16_000, 0x82)))],
    ],
  ])('%s', async (_what, code, frames) => {
    const peer = await begun(...frames);
    expect(peer.goAwayCode).toBe(code);
    expect(peer.hasEnded).toBe(true);
    expect(peer.server.isOpen).toBe(false);
    expect(peer.server.heldBytes).toBe(0);
  });

  it.each([
    ['no preface', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n')],
    ['a preface that is cut and goes on otherwise', Buffer.concat([PREFACE.subarray(0, 10), Buffer.alloc(30)])],
    ['no SETTINGS first', Buffer.concat([PREFACE, ping('12345678')])],
    ['an acknowledgement first', Buffer.concat([PREFACE, frameBytes(4, 1, 0)])],
  ])('3.4 %s', async (_what, bytes) => {
    const peer = await new RawPeer().send(bytes).settle();
    expect(peer.goAwayCode).toBe(ProtocolError);
    expect(peer.hasEnded).toBe(true);
  });
});

describe('one stream ends, and the others go on', () => {
  const { ProtocolError, StreamClosed, FlowControlError } = ErrorCode;
  it.each<[string, number, Buffer[]]>([
    ['5.1 DATA on a half-closed stream', StreamClosed, [headers(1, { fields: withPath('/slow') }), data(1)]],
    ['6.9 WINDOW_UPDATE by nothing', ProtocolError, [headers(1, { end: false }), windowUpdate(1, 0)]],
    [
      '6.9.1 a window beyond 2^31 - 1',
      FlowControlError,
      [headers(1, { end: false }), windowUpdate(1, 2 ** 31 - 1), windowUpdate(1, 2 ** 31 - 1)],
    ],
    [
      '8.1 a second HEADERS without END_STREAM',
      ProtocolError,
      [headers(1, { end: false }), headers(1, { end: false })],
    ],
    ['8.1 a pseudo-header in trailers', ProtocolError, [headers(1, { end: false }), headers(1)]],
    ['8.1.1 more than content-length says', ProtocolError, [requestWithBody('3'), data(1, Buffer.from('four'), true)]],
    ['8.1.1 less than content-length says', ProtocolError, [requestWithBody('9'), data(1, Buffer.from('four'), true)]],
    ['8.1.1 nothing where content-length says more', ProtocolError, [requestWith(['content-length', '1'])]],
    ['8.1.1 a content-length that is no number', ProtocolError, [requestWith(['content-length', '1e3'])]],
    ['8.2.1 an upper-case name', ProtocolError, [requestWith(['X-Test', '1'])]],
    ['8.2.1 a value with a line break', ProtocolError, [requestWith(['x-test', 'a\r\nb: c'])]],
    ['8.2.1 an empty name', ProtocolError, [requestWith(['', '1'])]],
    ['8.2.2 a connection-specific field', ProtocolError, [requestWith(['connection', 'keep-alive'])]],
    ['8.2.2 te other than trailers', ProtocolError, [requestWith(['te', 'trailers, deflate'])]],
    ['8.3 an unknown pseudo-header', ProtocolError, [requestWith([':test', '1'])]],
    ['8.3 a pseudo-header of answers', ProtocolError, [requestWith([':status', '200'])]],
    ['8.3 a pseudo-header behind a field', ProtocolError, [requestWithout(':path', ['x', '1'], [':path', '/'])]],
    ['8.3.1 no :method', ProtocolError, [requestWithout(':method')]],
    ['8.3.1 no :scheme', ProtocolError, [requestWithout(':scheme')]],
    ['8.3.1 no :path', ProtocolError, [requestWithout(':path')]],
    ['8.3.1 an empty :path', ProtocolError, [requestWithout(':path', [':path', ''])]],
    ['8.3.1 two :method', ProtocolError, [requestWith([':method', 'POST'])]],
    ['8.3.1 two :scheme', ProtocolError, [requestWith([':scheme', 'http'])]],
    ['8.3.1 two :path', ProtocolError, [requestWith([':path', '/'])]],
  ])('%s', async (_what, code, frames) => {
    const peer = await begun(...frames);
    expect(peer.resetCode(1)).toBe(code);
    expect(peer.goAwayCode).toBeUndefined();
    await serves(peer);
    expect(peer.server.streamCount).toBe(0);
  });

  function requestWithBody(length: string) {
    return headers(1, { fields: [...REQUEST, ['content-length', length]], end: false });
  }

  it('5.1.2 beyond the streams that may be open', async () => {
    const peer = new RawPeer({ streamsMax: 3 }).begin();
    await peer.send(...[1, 3, 5, 7].map((id) => headers(id, { end: false }))).settle();
    expect(peer.resetCode(7)).toBe(ErrorCode.RefusedStream);
    await peer.send(data(1, Buffer.from('one'), true)).settle();
    await serves(peer);
  });

  it('5.1 DATA on a stream that is over, without end', async () => {
    const peer = await begun(headers(1), ...Array.from({ length: 5 }, () => data(1, Buffer.from('more'))));
    expect(peer.resetCode(1)).toBe(StreamClosed);
    expect(peer.of(FrameType.ResetStream)).toHaveLength(1);
    await serves(peer);
  });

  it('5.4.2 what is on its way on a stream that this end has reset is no error', async () => {
    const peer = await begun(
      headers(1, { end: false }),
      windowUpdate(1, 0),
      data(1, Buffer.from('late')),
      headers(1, { fields: [['late', '1']] }),
      windowUpdate(1, 5),
      reset(1, 8),
    );
    expect(peer.of(FrameType.ResetStream)).toHaveLength(1);
    await serves(peer);
  });
});

describe('what is acknowledged', () => {
  it('6.5.3 SETTINGS are, and 6.7 PING is with its own bytes, and acknowledgements are not', async () => {
    const peer = await begun(ping('abcdefgh'), ping('hgfedcba', Flag.Ack), frameBytes(4, Flag.Ack, 0));
    expect(peer.of(FrameType.Ping).map(({ flags, payload }) => [flags, String(payload)])).toEqual([[1, 'abcdefgh']]);
    expect(peer.of(FrameType.Settings).map(({ flags }) => flags)).toEqual([0, Flag.Ack]);
  });

  it('6.5.2 unknown settings, and 7 unknown error codes, are let pass', async () => {
    const peer = await begun(
      frameBytes(4, 0, 0, setting(0xff, 1)),
      headers(1, { end: false }),
      reset(1, 0xff),
      frameBytes(FrameType.GoAway, 0, 0, Buffer.concat([uint32Payload(0), uint32Payload(0xff)])),
    );
    expect(peer.goAwayCode).toBeUndefined();
    await serves(peer);
  });
});

describe('flow control', () => {
  const asking = (size: number) => [headers(1, { end: false }), data(1, Buffer.alloc(size, 'x'), true)];

  it('sends no more than the window of the stream, and goes on when it grows', async () => {
    const peer = await new RawPeer()
      .begin(initialWindow(3))
      .send(...asking(10))
      .settle();
    expect(peer.body(1).length).toBe(3);
    await peer.send(windowUpdate(1, 1)).settle();
    expect(peer.body(1).length).toBe(4);
    await peer.send(frameBytes(4, 0, 0, initialWindow(7))).settle();
    expect(peer.body(1).length).toBe(8);
    await peer.send(windowUpdate(1, 100)).settle();
    expect(peer.body(1).length).toBe(10);
    expect(peer.of(FrameType.Headers, 1)).toHaveLength(2);
  });

  it('6.9.2 knows windows below zero', async () => {
    const peer = await new RawPeer()
      .begin(initialWindow(5))
      .send(...asking(10))
      .settle();
    await peer.send(frameBytes(4, 0, 0, initialWindow(2)), windowUpdate(1, 3)).settle();
    expect(peer.body(1).length).toBe(5);
    await peer.send(windowUpdate(1, 2)).settle();
    expect(peer.body(1).length).toBe(7);
  });

  it('what a reader did once a part of a frame was taken stood within that frame, and ended the process', async () => {
    const peer = await new RawPeer()
      .begin(initialWindow(0))
      .send(headers(1, { end: false }))
      .settle();
    const { stream } = peer.readers[0]!;
    stream.respond(encodeFields([[':status', '200']]));
    stream.send(Buffer.from('first'), () => stream.finish(encodeFields([['x-end', '1']])));
    stream.send(Buffer.from('second'));
    await peer.send(windowUpdate(1, 11)).settle();
    expect(peer.of(FrameType.Data, 1).map(({ payload }) => String(payload))).toEqual(['firstsecond']);
    expect(peer.of(FrameType.Headers, 1)).toHaveLength(2);
    expect(peer.server.heldBytes).toBe(0);
    expect(peer.server.isOpen).toBe(true);
  });

  it('sends no more than the window of the connection, to all streams in turn', async () => {
    const peer = new RawPeer().begin(initialWindow(1 << 20));
    for (const id of [1, 3, 5]) {
      peer.send(headers(id, { end: false }));
      for (let i = 0; i < 4; i++) peer.send(data(id, Buffer.alloc(10_000), i === 3));
    }
    await peer.settle();
    const got = () => [1, 3, 5].map((id) => peer.body(id).length);
    expect(got().reduce((sum, bytes) => sum + bytes)).toBe(65_535);
    await peer.send(windowUpdate(0, 1 << 20)).settle();
    expect(got()).toEqual([40_000, 40_000, 40_000]);
    expect(peer.server.heldBytes).toBe(0);
  });

  it('gives back what was read, in few frames; what is not read stays with who sent it', async () => {
    const peer = new RawPeer({ windowBytes: 1 << 16 }).begin();
    peer.send(headers(1, { end: false }), headers(3, { end: false, fields: withPath('/stop') }));
    const piece = Buffer.alloc(8192);
    for (let i = 0; i < 64; i++) await peer.send(data(1, piece)).settle();
    const updates = peer.of(FrameType.WindowUpdate, 1);
    expect(updates.reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)).toBeGreaterThanOrEqual(
      64 * 8192 - (1 << 15),
    );
    expect(updates.length).toBeLessThanOrEqual(32);
    for (let i = 0; i < 8; i++) await peer.send(data(3, piece)).settle();
    expect(peer.of(FrameType.WindowUpdate, 3)).toHaveLength(0);
    expect(peer.readers[1]!.pieces).toHaveLength(0);
    peer.readers[1]!.stream.resume();
    await peer.settle();
    expect(Buffer.concat(peer.readers[1]!.pieces).length).toBe(1 << 16);
    expect(peer.of(FrameType.WindowUpdate, 3).length).toBeGreaterThan(0);
  });

  it('ends who sends more than the window of a stream, or of the connection', async () => {
    const piece = Buffer.alloc(16_384);
    const stream = new RawPeer({ windowBytes: 1 << 16 }).begin();
    stream.send(headers(1, { end: false, fields: withPath('/stop') }));
    for (let i = 0; i < 5; i++) await stream.send(data(1, piece)).settle();
    expect(stream.resetCode(1)).toBe(ErrorCode.FlowControlError);
    await serves(stream);
  });

  it('of what is refused goes on', async () => {
    const peer = new RawPeer({ windowBytes: 1 << 16 }).begin();
    for (let id = 1; id < 101; id += 2) {
      peer.send(headers(id, { end: false, fields: withPath('/refused') }));
      await peer.send(data(id, Buffer.alloc(16_384)), data(id, Buffer.alloc(0), true)).settle();
    }
    expect(peer.of(FrameType.Headers)).toHaveLength(50);
    expect(peer.of(FrameType.ResetStream)).toHaveLength(0);
    expect(peer.server.streamCount).toBe(0);
    await serves(peer);
  });

  it('ends the request of a refused call that goes on and on', async () => {
    const peer = await begun(headers(1, { end: false, fields: withPath('/refused') }));
    expect(peer.server.streamCount).toBe(1);
    for (let i = 0; i < 5; i++) await peer.send(data(1, Buffer.alloc(16_384))).settle();
    expect(peer.resetCode(1)).toBe(ErrorCode.NoError);
    expect(peer.server.streamCount).toBe(0);
  });
});

describe('who does not read', () => {
  it('is not read from, however many answers it causes', async () => {
    const peer = new RawPeer().begin();
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 2000 }, () => ping('12345678')));
    let written = 0;
    while (peer.socket.writableLength < 1 << 20 && written < 1 << 24) {
      peer.socket.write(pings);
      written += pings.length;
      await peer.settle();
    }
    expect(written).toBeLessThan(1 << 23);
    expect(peer.server.backlogBytes).toBeLessThan(1 << 20);
    expect(peer.heldBytesMax).toBeLessThan(1 << 21);
    peer.socket.resume();
    for (let i = 0; i < 300; i++) await peer.settle();
    expect(peer.of(FrameType.Ping).length * pings.length).toBe(written * 2000);
    await serves(peer, 1);
  });

  it('took 16 KiB for every answer, however short, that came by itself', async () => {
    const peer = await new RawPeer().begin().settle();
    peer.socket.pause();
    await peer.send(...Array.from({ length: 4000 }, () => ping('12345678'))).settle();
    const allocated = vi.spyOn(Buffer, 'allocUnsafeSlow');
    for (let i = 0; i < 5000; i++) {
      peer.send(ping('12345678'));
      await new Promise(setImmediate);
    }
    const slabs = allocated.mock.calls.length;
    allocated.mockRestore();
    expect(peer.server.heldBytes).toBeGreaterThan(5000 * 17);
    expect(slabs).toBeLessThan(50);
    peer.socket.resume();
    for (let i = 0; i < 20; i++) await peer.settle();
    expect(peer.of(FrameType.Ping)).toHaveLength(9000);
    expect(peer.server.heldBytes).toBe(0);
    await serves(peer);
  });

  it('holds what it was to be sent, and no more of it is written than a bound', async () => {
    const peer = new RawPeer({ windowBytes: 4 << 20 }).begin(initialWindow(1 << 30));
    peer.send(windowUpdate(0, 1 << 30));
    await peer.settle();
    peer.socket.pause();
    peer.send(headers(1, { end: false }));
    for (let i = 0; i < 128; i++) peer.send(data(1, Buffer.alloc(16_384), i === 127));
    for (let i = 0; i < 20; i++) await peer.settle();
    expect(peer.server.backlogBytes).toBeLessThan(300 * 1024);
    expect(peer.server.heldBytes).toBeGreaterThan(2 * 1024 * 1024 - 1024);
    peer.socket.resume();
    for (let i = 0; i < 50; i++) await peer.settle();
    expect(peer.body(1).length).toBe(128 * 16_384);
    expect(peer.server.heldBytes).toBe(0);
  });
});

describe('a connection that is not to be read for a while', () => {
  it('takes what had come with that, and the rest once it is read on', async () => {
    const refused = (id: number) => headers(id, { fields: withPath('/refused') });
    const peer = await begun(refused(1), refused(3), headers(5));
    expect(peer.refused).toEqual([2]);
    peer.server.pause();
    await peer.send(refused(7), headers(9)).settle();
    expect(peer.heads).toHaveLength(3);
    peer.server.resume();
    await peer.settle();
    expect(peer.heads).toHaveLength(5);
    expect(peer.refused).toEqual([2, 1]);
    await serves(peer, 11);
  });

  it('is not read on because what it did not read is read, or its turn is over', async () => {
    const peer = new RawPeer().begin();
    peer.socket.pause();
    const pings = Buffer.concat(Array.from({ length: 2000 }, () => ping('12345678')));
    while (peer.socket.writableLength < 1 << 20) await peer.send(pings).settle();
    peer.server.pause();
    peer.socket.resume();
    for (let i = 0; i < 300; i++) await peer.settle();
    expect(peer.socket.writableLength).toBeGreaterThan(1 << 19);
    peer.server.resume();
    for (let i = 0; i < 300; i++) await peer.settle();
    expect(peer.socket.writableLength).toBe(0);
    await serves(peer);
  });
});

describe('a request that is not completed', () => {
  it('was never noticed as long as nothing of its body came', async () => {
    const peer = await begun(headers(1, { end: false }), headers(3));
    const { stream } = peer.readers[0]!;
    expect(stream.stuckMs(1000)).toBe(0);
    expect(stream.stuckMs(4000)).toBe(3000);
    await peer.send(data(1, Buffer.from('a'), true)).settle();
    expect(String(peer.body(1))).toBe('a');
  });
});

describe('leaving', () => {
  it('answers what is open, refuses nothing that came, and ends', async () => {
    const peer = await begun(headers(1, { end: false }));
    peer.server.leave();
    await peer.send(headers(3)).settle();
    expect(peer.goAwayCode).toBe(ErrorCode.NoError);
    expect(peer.of(FrameType.Headers, 3)).toHaveLength(0);
    expect(peer.hasEnded).toBe(false);
    await peer.send(data(1, Buffer.from('last'), true)).settle();
    expect(String(peer.body(1))).toBe('last');
    expect(peer.hasEnded).toBe(true);
  });

  it('tells readers that their streams are gone, and forgets what they held', async () => {
    const peer = await begun(headers(1, { end: false, fields: withPath('/stop') }), data(1, Buffer.alloc(5000)));
    expect(peer.server.heldBytes).toBeGreaterThan(5000);
    peer.socket.end();
    await peer.settle();
    expect(peer.readers[0]!.isAbandoned).toBe(true);
    expect(peer.server.heldBytes).toBe(0);
  });

  it('counts what is abandoned, answered or not, and not what is no longer needed', async () => {
    const refused = headers(3, { end: false, fields: withPath('/refused') });
    const peer = await begun(headers(1, { end: false }), reset(1, 8), refused, reset(3, 8), headers(5), reset(5, 0));
    expect(peer.abandoned).toBe(2);
    expect(peer.server.streamCount).toBe(0);
  });

  it('let a client abandon without limit what it gave up without an error, or made this end give up', async () => {
    const open = (id: number) => headers(id, { end: false, fields: withPath('/stop') });
    const peer = await begun(open(1), reset(1, 0));
    expect(peer.abandoned).toBe(1);
    await peer.send(open(3), windowUpdate(3, 0)).settle();
    expect(peer.abandoned).toBe(2);
    await peer.send(open(5), data(5, Buffer.alloc(0), true), data(5)).settle();
    expect(peer.abandoned).toBe(3);
    await peer.send(open(7), headers(7, { end: false })).settle();
    expect(peer.abandoned).toBe(4);
    await serves(peer);
  });

  it('kept what was written for one who had hung up and did not read', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout'] });
    const peer = new RawPeer({ windowBytes: 4 << 20 }).begin(initialWindow(1 << 30));
    await peer.send(windowUpdate(0, 1 << 30)).settle();
    peer.socket.pause();
    peer.send(headers(1, { end: false }));
    for (let i = 0; i < 32; i++) peer.send(data(1, Buffer.alloc(16_384), i === 31));
    for (let i = 0; i < 20; i++) await peer.settle();
    expect(peer.server.backlogBytes).toBeGreaterThan(100_000);
    peer.socket.end();
    await peer.settle();
    vi.advanceTimersByTime(1000);
    vi.useRealTimers();
    await peer.settle();
    expect(peer.far.destroyed).toBe(true);
  });
});

describe('a client that shrinks its table of header fields', () => {
  it('is told once that there is none, before the first block', async () => {
    const peer = await new RawPeer().begin(setting(Setting.HeaderTableSize, 0)).send(headers(1)).settle();
    const [first, last] = peer.of(FrameType.Headers, 1);
    expect(first!.payload[0]).toBe(0x20);
    expect(last!.payload[0]).not.toBe(0x20);
  });
});
