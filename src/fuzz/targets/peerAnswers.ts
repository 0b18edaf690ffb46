import type { Duplex } from 'node:stream';
import fc from 'fast-check';
import { ENGINE_NAMES } from '../../consensus/engines.ts';
import { NO_SECURITY, type Security } from '../../net/endpoints/security.ts';
import { Misfit } from '../../server/identity/identity.ts';
import { PeerLink } from '../../server/transport/peerLink.ts';
import { Refusal, Welcome } from '../../wire/generated/peer.ts';
import { encodeFrame, encodePing, encodeTaken, FrameKind, PEER_PREFACE } from '../../wire/peerFrames.ts';
import { OPENING_VERSION, PEER_VERSIONS } from '../../wire/peerVersions.ts';
import { anyNumber, damagedBytes } from '../mutation.ts';
import {
  LINK_LINGER_MS,
  MemoryIdentity,
  memoryConnection,
  NO_LOG,
  SaidFrames,
  SELF,
  settled,
  truthOf,
  writePieces,
} from '../peers.ts';
import { demand, type FuzzTarget } from '../target.ts';
import { introduction } from './peerHello.ts';

const [ENGINE] = ENGINE_NAMES;
const PEER = 2;
const MESSAGE = Uint8Array.of(7);

interface Answers {
  readonly bytes: Uint8Array;
  readonly pieceBytes: number;
}

const NO_BYTES = new Uint8Array(0);

/** Of a server that speaks no newer version than this. */
const welcomeOf = (newest: number) =>
  fc
    .oneof({ weight: 3, arbitrary: fc.constant(truthOf(PEER, ENGINE)) }, { weight: 1, arbitrary: introduction })
    .map((of) => Welcome.encode({ version: OPENING_VERSION, newest, introduction: of }).finish());
const refusal = fc
  .record({
    code: fc.constantFrom(3, 9, 14, 99),
    details: fc.string({ unit: 'binary', maxLength: 40 }),
    reason: fc.constantFrom('', ...Object.values(Misfit), 'other'),
  })
  .map((of) => Refusal.encode(of).finish());

/** Frames of a link of this version, and those with which one begins. */
function frameOf(version: number): fc.Arbitrary<Buffer> {
  const welcome = welcomeOf(version);
  const opening = (kind: FrameKind, payload: fc.Arbitrary<Uint8Array>) => payload.map((of) => encodeFrame(kind, of));
  const pong = fc.oneof(
    fc.constant(encodeFrame(FrameKind.Pong, NO_BYTES, version)),
    fc.nat(3).map((name) => encodePing(FrameKind.Pong, name, version)),
  );
  const any = fc.tuple(fc.constantFrom(...Object.values(FrameKind)), fc.uint8Array({ maxLength: 20 }));
  return fc.oneof(
    { weight: 3, arbitrary: opening(FrameKind.Welcome, welcome) },
    { weight: 1, arbitrary: opening(FrameKind.Welcome, damagedBytes(welcome)) },
    { weight: 1, arbitrary: opening(FrameKind.Refusal, refusal) },
    { weight: 1, arbitrary: opening(FrameKind.Refusal, damagedBytes(refusal)) },
    { weight: 2, arbitrary: anyNumber.map((bytes) => encodeTaken(bytes, version)) },
    { weight: 1, arbitrary: pong },
    { weight: 1, arbitrary: any.map(([kind, payload]) => encodeFrame(kind, payload, version)) },
  );
}

const talk = fc
  .constantFrom(PEER_VERSIONS.oldest, PEER_VERSIONS.newest)
  .chain((version) => fc.array(frameOf(version), { minLength: 1, maxLength: 5 }))
  .map((frames) => new Uint8Array(Buffer.concat([PEER_PREFACE, ...frames])));

/** What stands between this process and the other end. */
function dialsTo(near: (end: Duplex) => void): Security {
  return {
    ...NO_SECURITY,
    dial: () => {
      const connection = memoryConnection();
      near(connection.near);
      return connection.socket;
    },
  };
}

/** Nothing is said to an end before it said that it is the server meant. */
export const PEER_ANSWERS: FuzzTarget<Answers> = {
  name: 'peer-answers',
  takes: 'what comes back on a link that was dialled',
  lingerMs: LINK_LINGER_MS,
  inputs: fc.record({
    bytes: fc.oneof({ weight: 3, arbitrary: talk }, { weight: 1, arbitrary: damagedBytes(talk) }),
    pieceBytes: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constant(1 << 16)),
  }),
  async check({ bytes, pieceBytes }) {
    const identity = new MemoryIdentity(SELF, ENGINE);
    let near: Duplex | undefined;
    let said: SaidFrames | undefined;
    let accepted = 0;
    let gone = 0;
    const link = new PeerLink<Uint8Array>({
      self: SELF,
      peer: PEER,
      speaks: PEER_VERSIONS,
      address: { host: '127.0.0.1', port: 1 },
      security: dialsTo((end) => {
        near = end;
      }),
      identity,
      codec: { encode: (of) => of, encodeLarge: () => undefined, decode: (of) => of, mayOvertake: () => false },
      maxMessageBytes: 1 << 20,
      log: NO_LOG,
      counts: () => true,
      accepted: () => {
        accepted++;
        said!.agreed(link.facts.version!);
      },
      gone: () => void gone++,
      refused: (_peer, misfit) => demand(Object.values(Misfit).includes(misfit), 'a misfit is one that is known'),
      notUnderstood: () => {},
    });
    link.send([MESSAGE]);
    demand(near !== undefined, 'a link is dialled when there is something to say');
    said = new SaidFrames(near);
    writePieces(near, bytes, pieceBytes);
    await settled();
    link.send([MESSAGE]);
    await settled();
    link.close();
    near.destroy();
    await settled();
    const [first, ...rest] = said.kinds;
    demand(first === FrameKind.Hello, 'a dialler says hello first');
    const isHeard = accepted > 0;
    demand(isHeard || rest.length === 0, () => `nothing is said before a welcome: ${rest}`);
    demand(
      rest.every((kind) => kind === FrameKind.Messages || kind === FrameKind.Ping),
      () => `then there are messages, and pings: ${rest}`,
    );
    demand(accepted <= 1 && gone <= 1, 'a link begins and ends once');
    // Whatever listens at a server's address is that server, and no other.
    demand(
      [...identity.identity.known.keys()].every((id) => id === PEER),
      'only who answers is known',
    );
    return isHeard;
  },
};
