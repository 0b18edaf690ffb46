import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { introduce } from '../../server/transport/peerAcceptor.ts';
import { Hello, Introduction } from '../../wire/generated/peer.ts';
import { decodeHello } from '../../wire/peerCodec.ts';
import { encodeFrame, FrameKind, MESSAGE_BYTES_MAX, PAYLOAD_BYTES_MAX } from '../../wire/peerFrames.ts';
import { agreedVersion, PEER_VERSIONS } from '../../wire/peerVersions.ts';
import { anyNumber, damagedBytes } from '../mutation.ts';
import {
  acceptorOf,
  CLUSTER,
  demandTruth,
  LINK_LINGER_MS,
  MemoryIdentity,
  memoryConnection,
  SaidFrames,
  SELF,
  SERVERS,
  settled,
  truthfulHearsay,
  truthOf,
  watchedConnection,
} from '../peers.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

const [ENGINE] = ENGINE_NAMES;
const TRUTH = truthOf(2, ENGINE);

/** Mostly what is true. */
function perhaps<T>(truth: T, otherwise: fc.Arbitrary<T>): fc.Arbitrary<T> {
  return fc.oneof({ weight: 30, arbitrary: fc.constant(truth) }, { weight: 1, arbitrary: otherwise });
}

const hex = (length: number) =>
  fc.oneof(
    fc.constantFrom('', 'f'.repeat(length), '3'.repeat(length), 'F'.repeat(length), 'f'.repeat(length + 1)),
    fc.string({ unit: 'binary', maxLength: length }),
  );

/** What somebody says of a server: the truth, or nearly. */
export const introduction: fc.Arbitrary<Introduction> = fc.record({
  id: perhaps(TRUTH.id, fc.oneof(fc.nat(5), anyNumber)),
  engine: perhaps<string>(ENGINE, fc.oneof(fc.constantFrom(...ENGINE_NAMES), fc.string({ maxLength: 20 }))),
  cluster: perhaps(CLUSTER, hex(32)),
  instance: perhaps(TRUTH.instance, hex(32)),
  boots: perhaps(TRUTH.boots, anyNumber),
  life: perhaps(TRUTH.life, hex(16)),
  admitted: perhaps(TRUTH.admitted, anyNumber),
  isMember: perhaps(true, fc.boolean()),
  earlierLives: perhaps<string[]>([], fc.array(hex(16), { maxLength: 40 })),
});

const hello = fc.record({
  version: perhaps(PEER_VERSIONS.oldest, fc.nat(9)),
  newest: perhaps(PEER_VERSIONS.newest, fc.oneof(fc.nat(9), fc.nat(2 ** 32 - 1))),
  from: perhaps(2, fc.oneof(fc.nat(5), anyNumber)),
  to: perhaps(SELF, fc.oneof(fc.nat(5), anyNumber)),
  engine: perhaps<string>(ENGINE, fc.string({ maxLength: 20 })),
  introduction: perhaps<Introduction | undefined>(TRUTH, fc.option(introduction, { nil: undefined })),
});

/** Of a hello's payload, whose frame is whole: what is damaged on the way its checksum tells. */
export const PEER_HELLO: FuzzTarget<Uint8Array> = {
  name: 'peer-hello',
  takes: "a peer's hello, and what follows from it",
  lingerMs: LINK_LINGER_MS,
  inputs: damagedBytes(hello.map((of) => Hello.encode(of).finish())),
  async check(payload) {
    const identity = new MemoryIdentity(SELF, ENGINE);
    const acceptor = acceptorOf(identity, {
      codec: {
        encode: (of: Uint8Array) => of,
        encodeLarge: () => undefined,
        decode: (of) => of,
        mayOvertake: () => false,
      },
      maxMessageBytes: MESSAGE_BYTES_MAX,
      receive: () => undefined,
    });
    const { near, socket } = memoryConnection();
    const answer = new SaidFrames(near);
    acceptor.accept(socket, watchedConnection(PAYLOAD_BYTES_MAX));
    near.write(encodeFrame(FrameKind.Hello, payload));
    await settled();
    acceptor.close();
    near.destroy();
    demandTruth(identity, ENGINE);
    demand(answer.frames.length === 1, () => `a hello has one answer: it had ${answer.kinds}`);
    const [kind] = answer.kinds;
    demand(kind === FrameKind.Welcome || kind === FrameKind.Refusal, () => `a hello is welcome or refused: ${kind}`);
    if (kind === FrameKind.Refusal) return false;
    const said = decodeHello(payload);
    const isMeant = said.to === SELF && said.from === said.introduction?.id && said.introduction.isMember;
    demand(isMeant, 'who is welcome says who it is, and means this server');
    demand(agreedVersion(PEER_VERSIONS, said) !== undefined, 'who is welcome speaks a version that is spoken here');
    demand(identity.identity.known.has(said.from), 'who is welcome is known');
    return true;
  },
};

/** The unary call by which servers ask each other. */
export const INTRODUCTIONS: FuzzTarget<Uint8Array> = {
  name: 'introductions',
  takes: 'the call by which servers introduce themselves',
  inputs: damagedBytes(introduction.map((of) => Introduction.encode(of).finish())),
  check(bytes) {
    // What cannot be decoded never gets as far: the framework answers it.
    const request = taken(() => Introduction.decode(bytes), Error)?.value;
    if (request === undefined) return false;
    const identity = new MemoryIdentity(SELF, ENGINE);
    const hearsay = truthfulHearsay(identity, ENGINE);
    const wish = { rejoin: false, survivor: 0 };
    const facts = { identity, hearsay, wish, serverCount: SERVERS, isVoter: () => true, leader: () => 0 };
    const answers: unknown[] = [];
    introduce(facts, { request } as never, (error, answer) => {
      answers.push(error ?? answer);
      const code = error === null ? status.OK : error.code;
      const isFit = code === status.OK || code === status.INVALID_ARGUMENT || code === status.UNAVAILABLE;
      demand(isFit, () => `an introduction is answered, or refused for what is wrong with it: ${code}`);
    });
    demand(answers.length === 1, () => `an introduction has one answer: it had ${answers.length}`);
    demandTruth(identity, ENGINE);
    return 'misfit' in (answers[0] as object);
  },
};
