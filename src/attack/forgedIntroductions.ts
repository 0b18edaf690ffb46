import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { openChannel, peerChannelOptions } from '../net/endpoints/channels.ts';
import { type Introduction, PeerClient } from '../wire/generated/peer.ts';
import { encodeHello } from '../wire/peerCodec.ts';
import { FrameKind, FrameReader, PAYLOAD_BYTES_MAX, PEER_PREFACE } from '../wire/peerFrames.ts';
import type { Attack, Target } from './attack.ts';
import { dialRaw } from './http2Frames.ts';

const MESSAGE_BYTES_MAX = 1 << 20;
const DEADLINE_MS = 5000;
/** More than any log has entries, or a folder starts. */
const FAR = 2 ** 52;
const FOLDER = 'f'.repeat(32);
const LIFE = 'f'.repeat(16);

/** What a stranger says of a server that has said `truth` of itself. */
const FORGERIES: readonly ((truth: Introduction) => Introduction)[] = [
  (truth) => ({ ...truth, admitted: FAR }),
  (truth) => ({ ...truth, admitted: FAR, instance: FOLDER, life: LIFE, earlierLives: [] }),
  (truth) => ({ ...truth, boots: FAR, life: LIFE, earlierLives: [truth.life] }),
  (truth) => ({ ...truth, boots: FAR, life: LIFE, earlierLives: Array(32).fill(LIFE) }),
];

/**
 * Asks the servers who they are, and says in the name of each to each other one what would keep it out for good, were it believed: that it
 * was admitted later, is of another folder, or was started since. And asks for admission in its name, which would end it.
 */
export const forgedIntroductions: Attack = async (target) => {
  const endMs = Date.now() + 4000 * target.scale;
  const count = { hellos: 0, introductions: 0, requests: 0, taken: 0 };
  const stubs = target.addresses.map((address) =>
    openChannel(PeerClient, address, peerChannelOptions(MESSAGE_BYTES_MAX), target.security),
  );
  const truths = await Promise.all(stubs.map((stub, i) => whoIs(stub, i + 1, target)));
  const pairs = truths.flatMap((truth) => stubs.map((stub, i) => ({ truth, stub, to: i + 1 })));
  const others = pairs.filter(({ truth, to }) => truth.id !== to);
  const speak = async ({ truth, stub, to }: (typeof others)[number]) => {
    for (const forge of FORGERIES) {
      const claim = forge(truth);
      count.hellos++;
      const isTaken = await greets(target, to, claim);
      if (isTaken) count.taken++;
      count.introductions++;
      // Its answer does not say whether it is believed.
      await asks(stub, claim).catch(() => {});
    }
    count.requests++;
    const isTaken = await isAdmitted(stub, { ...truth, instance: FOLDER, life: LIFE, isMember: false });
    if (isTaken) count.taken++;
  };
  do {
    await Promise.all(others.map(speak));
    await sleep(10);
  } while (Date.now() < endMs);
  for (const stub of stubs) stub.close();
  const { hellos, introductions, requests, taken } = count;
  if (taken > 0) throw new Error(`${taken} of ${hellos} hellos and ${requests} requests for admission were taken`);
  return `${hellos} hellos, ${introductions} introductions and ${requests} requests for admission in the names of the servers`;
};

/**
 * Asked as one that is none of `-servers`, which is answered and noted by nobody. With TLS a client's certificate is told nothing, and its
 * holder has to make it up.
 */
async function whoIs(stub: PeerClient, server: number, { addresses, engine, security }: Target): Promise<Introduction> {
  const id = addresses.length + 1;
  const start = { boots: 1, life: LIFE, earlierLives: [], admitted: 0, isMember: false };
  const asked = asks(stub, { id, engine: 'unknown', cluster: '', instance: FOLDER, ...start });
  if (!security.isTls) return asked;
  if (await asked.then(Boolean, () => false)) throw new Error('a server told a client what is for its peers');
  return { ...start, id: server, engine, cluster: FOLDER, instance: FOLDER, isMember: true } as Introduction;
}

function asks(stub: PeerClient, claim: Introduction): Promise<Introduction> {
  return new Promise((resolve, reject) => {
    stub.introduce(claim, { deadline: Date.now() + DEADLINE_MS } as never, (error: Error | null, answer) => {
      if (error === null && answer.introduction !== undefined) resolve(answer.introduction);
      else reject(error ?? new Error('a server did not say who it is'));
    });
  });
}

/** Whether the link is taken. */
async function greets({ addresses, security }: Target, to: number, claim: Introduction): Promise<boolean> {
  const socket = await dialRaw(addresses[to - 1]!, security);
  if (socket === undefined) return false;
  let isTaken = false;
  let skipped = 0;
  const reader = new FrameReader(PAYLOAD_BYTES_MAX, (kind) => {
    isTaken ||= kind === FrameKind.Welcome;
    socket.destroy();
  });
  socket.on('data', (piece: Buffer) => {
    const skip = Math.min(PEER_PREFACE.length - skipped, piece.length);
    skipped += skip;
    reader.push(piece.subarray(skip));
  });
  socket.setTimeout(DEADLINE_MS, () => socket.destroy());
  socket.write(
    Buffer.concat([PEER_PREFACE, encodeHello({ from: claim.id, to, engine: claim.engine, introduction: claim })]),
  );
  await once(socket, 'close');
  return isTaken;
}

function isAdmitted(stub: PeerClient, claim: Introduction): Promise<boolean> {
  return new Promise((resolve) => {
    const versions = { oldestVersion: 0, newestVersion: 0 };
    const stream = stub.admit({ introduction: claim, rejoin: true, bySurvivor: false, after: undefined, ...versions });
    stream.on('error', () => resolve(false));
    stream.on('data', () => {
      resolve(true);
      stream.cancel();
    });
    stream.on('end', () => resolve(false));
  });
}
