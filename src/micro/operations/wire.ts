import { type Operation, type OperationGroup, sink } from '../operation.ts';
import { insertOf } from './inserts.ts';

const BATCH = 64;
const FRAMES = 16;
const FRAME_PAYLOAD_BYTES = 200;
const HEADER_LIST_BYTES_MAX = 16_384;

/** What a server reads from and writes to its clients. */
export const WIRE_GROUPS: readonly OperationGroup[] = [
  { name: 'sessions', operations: [decodingCommands(), encodingResults(), decodingResults()] },
  {
    name: 'HTTP/2',
    operations: [readingFrames(), decodingHeaders('again'), decodingHeaders('new'), encodingHeaders()],
  },
];

function decodingCommands(): Operation {
  return {
    name: `session: decode a batch of ${BATCH} commands`,
    make: async (modules) => {
      const { CommandBatchWriter, decodeCommandBatch } = await modules.load<SessionCodec>(SESSION_CODEC);
      const insert = await insertOf(modules);
      const writer = new CommandBatchWriter();
      for (let id = 1; id <= BATCH; id++) writer.add(id, insert(7, id, id));
      const bytes = writer.finish();
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) sink.value = decodeCommandBatch(bytes);
        },
      };
    },
  };
}

function encodingResults(): Operation {
  return {
    name: `session: encode ${BATCH} answers`,
    make: async (modules) => {
      const { ResultBatchWriter } = await modules.load<SessionCodec>(SESSION_CODEC);
      const writer = new ResultBatchWriter();
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) {
            for (let id = 1; id <= BATCH; id++) writer.ok(id);
            sink.value = writer.finish();
          }
        },
      };
    },
  };
}

function decodingResults(): Operation {
  return {
    name: `session: decode ${BATCH} answers, as a client does`,
    make: async (modules) => {
      const { ResultBatchWriter, readResultBatch } = await modules.load<SessionCodec>(SESSION_CODEC);
      const writer = new ResultBatchWriter();
      for (let id = 1; id <= BATCH; id++) writer.ok(id);
      const bytes = writer.finish();
      const visitor = {
        result: (id: number) => {
          sink.value = id;
        },
      };
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) readResultBatch(bytes, visitor);
        },
      };
    },
  };
}

function readingFrames(): Operation {
  return {
    name: `HTTP/2: find ${FRAMES} frames of ${FRAME_PAYLOAD_BYTES} bytes in a piece`,
    make: async (modules) => {
      const { FrameReader } =
        await modules.load<typeof import('../../net/http2/frameReader.ts')>('net/http2/frameReader.ts');
      const { writeFrameHeader } = await modules.load<typeof import('../../net/http2/frame.ts')>('net/http2/frame.ts');
      const { FRAME_HEADER_BYTES, PREFACE } =
        await modules.load<typeof import('../../net/http2/protocol.ts')>('net/http2/protocol.ts');
      const whole = FRAME_HEADER_BYTES + FRAME_PAYLOAD_BYTES;
      const piece = Buffer.alloc(FRAMES * whole);
      for (let at = 0; at < piece.length; at += whole) writeFrameHeader(piece, at, FRAME_PAYLOAD_BYTES, 0, 0, 1);
      const taker = {
        isOpen: true,
        takeFrame: (_bytes: Buffer, _at: number, end: number) => {
          sink.value = end;
        },
        hold: () => {},
      };
      const reader = new FrameReader(taker);
      reader.read(Buffer.from(PREFACE));
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) {
            if (reader.read(piece) !== FRAMES) throw new Error('frames are missing');
          }
        },
      };
    },
  };
}

/** Of a unary call. `again`: the same block as before; `new`: another timeout each time. */
function decodingHeaders(which: 'again' | 'new'): Operation {
  return {
    name: `HPACK: decode the fields of a call, ${which === 'again' ? 'the same again' : 'one of them new'}`,
    make: async (modules) => {
      const { encodeFields } = await modules.load<HpackEncoder>(HPACK_ENCODER);
      const { HpackDecoder } =
        await modules.load<typeof import('../../net/http2/hpackDecoder.ts')>('net/http2/hpackDecoder.ts');
      const blocks = Array.from({ length: which === 'again' ? 1 : 64 }, (_, at) =>
        encodeFields([...CALL_FIELDS, ['grpc-timeout', `${1000 + at}m`]]),
      );
      const decoder = new HpackDecoder(HEADER_LIST_BYTES_MAX);
      const fields: Parameters<typeof decoder.decode>[1] = [];
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) sink.value = decoder.decode(blocks[i % blocks.length]!, fields);
        },
      };
    },
  };
}

function encodingHeaders(): Operation {
  return {
    name: 'HPACK: encode the fields of a call',
    make: async (modules) => {
      const { encodeFields } = await modules.load<HpackEncoder>(HPACK_ENCODER);
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) sink.value = encodeFields(CALL_FIELDS);
        },
      };
    },
  };
}

type SessionCodec = typeof import('../../wire/sessionCodec.ts');
const SESSION_CODEC = 'wire/sessionCodec.ts';
type HpackEncoder = typeof import('../../net/http2/hpackEncoder.ts');
const HPACK_ENCODER = 'net/http2/hpackEncoder.ts';

const CALL_FIELDS: readonly (readonly [string, string])[] = [
  [':method', 'POST'],
  [':scheme', 'http'],
  [':path', '/rkvpb.RKV/Insert'],
  [':authority', '127.0.0.1:9201'],
  ['content-type', 'application/grpc'],
  ['te', 'trailers'],
  ['user-agent', 'grpc-node-js/1.14.7'],
];
