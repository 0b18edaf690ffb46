import fc from 'fast-check';
import { writeVarint } from '../../bytes/varint.ts';
import { HearingServer } from '../../server/host/testing/hearingServer.ts';
import { Outbox } from '../../server/transport/outbox.ts';
import { decodeRefusal, encodeHello } from '../../wire/peerCodec.ts';
import { encodeFrame, encodePing, FrameKind, HEADER_BYTES, PAYLOAD_BYTES_MAX } from '../../wire/peerFrames.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import { FORGED_ENGINES, type ForgedEngine } from '../engines.ts';
import { forgedMessages } from '../forged.ts';
import { anyNumber, damagedBytes } from '../mutation.ts';
import {
  acceptorOf,
  demandTruth,
  LINK_LINGER_MS,
  MemoryIdentity,
  memoryConnection,
  SaidFrames,
  SELF,
  settled,
  truthOf,
  watchedConnection,
  writePieces,
} from '../peers.ts';
import { demand, type FuzzTarget } from '../target.ts';

/** Of a message: what is announced above it is refused at once. */
const MESSAGE_BYTES_MAX = 1 << 20;
const FROM = 2;
const VERSION = PEER_VERSIONS.newest;

/** Some of what is sent, and the messages that it holds; undefined where it is not what a peer of ours sends. */
interface Said {
  readonly bytes: Uint8Array;
  readonly messages: readonly Uint8Array[] | undefined;
}

interface Talk {
  readonly said: readonly Said[];
  readonly pieceBytes: number;
  /** The dialler ends it; otherwise the server does. */
  readonly hangsUp: boolean;
}

/** As a peer of ours sends them. */
function together(messages: readonly Uint8Array[]): Said {
  const outbox = new Outbox();
  outbox.version = VERSION;
  for (const message of messages) outbox.add(message, false);
  const frames: Uint8Array[] = [];
  for (let frame = outbox.nextOrdered(); frame !== undefined; frame = outbox.nextOrdered()) frames.push(...frame);
  return { bytes: Buffer.concat(frames), messages };
}

/** In two frames or more, as only large messages are, with `between` between the first two, and so many bytes announced. */
function inPieces(
  message: Uint8Array,
  pieceBytes: number,
  between: readonly Uint8Array[],
  announced = message.length,
): Said {
  const length = new Uint8Array(9);
  const first = Math.max(0, Math.min(pieceBytes, message.length - 1));
  const head = Buffer.concat([length.subarray(0, writeVarint(length, 0, announced)), message.subarray(0, first)]);
  const frames: Uint8Array[] = [encodeFrame(FrameKind.LargeBegin, head, VERSION)];
  if (between.length > 0) frames.push(together(between).bytes);
  for (let at = first; at < message.length; at += pieceBytes) {
    frames.push(encodeFrame(FrameKind.LargeMore, message.subarray(at, at + pieceBytes), VERSION));
  }
  return { bytes: Buffer.concat(frames), messages: [...between, message] };
}

function saidBy(message: fc.Arbitrary<Uint8Array>): fc.Arbitrary<Said> {
  const list = fc.array(message, { maxLength: 4 });
  const right = fc.oneof(
    { weight: 3, arbitrary: list.map(together) },
    {
      weight: 2,
      arbitrary: fc
        .tuple(message, fc.integer({ min: 1, max: 40 }), fc.array(message, { maxLength: 2 }))
        .map(([one, size, between]) => inPieces(one, size, between)),
    },
    {
      weight: 1,
      arbitrary: fc.constant<Said>({ bytes: encodePing(FrameKind.Ping, 7, VERSION), messages: [] }),
    },
  );
  const wrong = (bytes: Uint8Array): Said => ({ bytes, messages: undefined });
  const announcedWrongly = fc
    .tuple(message, fc.integer({ min: 1, max: 40 }), fc.oneof(fc.integer({ min: -4, max: 4 }), anyNumber))
    .map(([one, size, more]) => wrong(inPieces(one, size, [], Math.max(0, one.length + more)).bytes));
  const payload = damagedBytes(list.map((each) => together(each).bytes.subarray(HEADER_BYTES)));
  return fc.oneof(
    { weight: 6, arbitrary: right },
    { weight: 1, arbitrary: announcedWrongly },
    {
      weight: 2,
      arbitrary: fc
        .tuple(fc.constantFrom(...Object.values(FrameKind)), payload)
        .map(([kind, of]) => wrong(encodeFrame(kind, of, VERSION))),
    },
    { weight: 1, arbitrary: damagedBytes(right.map(({ bytes }) => bytes)).map(wrong) },
  );
}

function streamOf({ name, entry, forgery }: ForgedEngine): FuzzTarget<Talk> {
  const { kind } = entry;
  const message = damagedBytes(forgedMessages(forgery, FROM).map((of) => kind.codec.encode(of)));
  const hello = encodeHello({ from: FROM, to: SELF, engine: name, introduction: truthOf(FROM, name) }, PEER_VERSIONS);
  return {
    name: `peer-stream-${name}`,
    takes: `a peer's link, from its hello to the ${name} engine`,
    lingerMs: LINK_LINGER_MS,
    inputs: fc.record({
      said: fc.array(saidBy(message), { minLength: 1, maxLength: 5 }),
      pieceBytes: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1 << 16)),
      hangsUp: fc.boolean(),
    }),
    async check({ said, pieceBytes, hangsUp }) {
      const server = new HearingServer(kind);
      const identity = new MemoryIdentity(SELF, name);
      const heard: Uint8Array[] = [];
      const acceptor = acceptorOf(identity, {
        codec: {
          ...kind.codec,
          decode: (bytes) => {
            heard.push(bytes.slice());
            return kind.codec.decode(bytes);
          },
        },
        maxMessageBytes: MESSAGE_BYTES_MAX,
        receive: (from, each) => {
          demand(from === FROM, 'who said hello is who speaks');
          return server.hear(from, each);
        },
      });
      const { near, socket } = memoryConnection();
      const answer = new SaidFrames(near);
      answer.agreed(VERSION);
      acceptor.accept(socket, watchedConnection(MESSAGE_BYTES_MAX + PAYLOAD_BYTES_MAX + HEADER_BYTES));
      writePieces(near, Buffer.concat([hello, ...said.map(({ bytes }) => bytes)]), pieceBytes);
      await settled();
      server.run();
      server.sync();
      server.run();
      const refusal = answer.frames.find((frame) => frame.kind === FrameKind.Refusal);
      if (hangsUp) near.end();
      else acceptor.close();
      await settled();
      demand(socket.destroyed || refusal !== undefined, 'a link that has ended is closed');
      near.destroy();

      demand(server.failures.length === 0, () => `the server goes on: ${server.failures[0]?.stack}`);
      demand(answer.kinds[0] === FrameKind.Welcome, 'who says hello rightly is welcome');
      if (refusal !== undefined) decodeRefusal(refusal.payload);
      demandTruth(identity, name);
      const isRight = said.every(({ messages }) => messages !== undefined);
      const sent = said.flatMap(({ messages }) => messages ?? []);
      if (isRight) {
        demand(refusal !== undefined || heard.length === sent.length, 'all that was sent is heard');
        demand(
          heard.every((each, at) => Buffer.compare(each, sent[at]!) === 0),
          'what is heard is what was sent, in order',
        );
      }
      return heard.length > 0;
    },
  };
}

export const PEER_STREAMS = FORGED_ENGINES.map(streamOf);
