import { Client, credentials, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { type EngineKind, simpleConfiguration } from '../src/consensus/contract.ts';
import type { EngineName } from '../src/consensus/engines.ts';
import { etcdKind } from '../src/consensus/etcd/index.ts';
import { etcdForgery } from '../src/consensus/etcd/testing/forgery.ts';
import { gorumsKind } from '../src/consensus/gorums/index.ts';
import { gorumsForgery } from '../src/consensus/gorums/testing/forgery.ts';
import { encodeRequest } from '../src/consensus/gorums/unaryCodec.ts';
import { hashicorpKind } from '../src/consensus/hashicorp/index.ts';
import { hashicorpForgery } from '../src/consensus/hashicorp/testing/forgery.ts';
import { MemoryContent } from '../src/consensus/snapshotContent.ts';
import { type Forgery, parts } from '../src/consensus/testing/forgery.ts';
import { Outbox } from '../src/server/transport/outbox.ts';
import { RawPeer } from '../src/server/transport/testing/rawPeer.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { type Introduction, PeerClient } from '../src/wire/generated/peer.ts';
import { encodeHello, type Refusal } from '../src/wire/peerCodec.ts';
import { encodeFrame, FrameKind } from '../src/wire/peerFrames.ts';

/** Calls made of the gorums service; the same ones every time. */
const CALLS = 600;
const CALL_DEADLINE_MS = 40;
/** Links opened to say what nobody should. */
const LINKS = 150;
const SEED = 2015;

let cluster: RunningCluster | undefined;

afterEach(() => cluster?.stop());

const same = (buffer: Buffer) => buffer;

async function serves(): Promise<void> {
  const client = new RkvClient({ addresses: cluster!.addresses });
  try {
    const session = await client.openSession();
    await session.insert('alive', 'yes');
    expect(await client.lookup('alive')).toBe('yes');
  } finally {
    client.close();
  }
}

async function leaderOf(addresses: readonly string[]) {
  const client = new RkvClient({ addresses });
  try {
    let leader: Awaited<ReturnType<RkvClient['leader']>>;
    await vi.waitFor(
      async () => {
        leader = await client.leader();
        expect(leader).toBeDefined();
      },
      { timeout: 20_000 },
    );
    return leader!.status;
  } finally {
    client.close();
  }
}

/** What server `from` says of itself, which it tells everybody who asks. */
async function introductionOf(from: number, engine: string): Promise<Introduction | undefined> {
  const asker = cluster!.addresses.length + 1;
  const name = 'f'.repeat(32);
  const start = { boots: 1, life: 'f'.repeat(16), earlierLives: [] };
  const introduction = { id: asker, engine, cluster: '', instance: name, ...start, admitted: 0 };
  const peer = new PeerClient(cluster!.addresses[from - 1]!, credentials.createInsecure());
  try {
    return await new Promise((resolve, reject) => {
      peer.introduce({ ...introduction, isMember: false }, (error, answer) =>
        error === null ? resolve(answer.introduction) : reject(error),
      );
    });
  } finally {
    peer.close();
  }
}

/** Says hello to a follower in the name of the other one, and then `message`; how the link ends. */
async function sayTo<M>(kind: EngineKind<M>, message: (from: number, term: number) => M): Promise<Refusal | undefined> {
  const { id, term } = await leaderOf(cluster!.addresses);
  const [from, to] = [1, 2, 3].filter((each) => each !== id) as [number, number];
  const introduction = await introductionOf(from, kind.name);
  const peer = await RawPeer.dial(cluster!.addresses[to - 1]!);
  try {
    peer.say(encodeHello({ from, to, engine: kind.name, introduction }));
    expect(await peer.answer).toBe(FrameKind.Welcome);
    const outbox = new Outbox();
    outbox.add(kind.codec.encode(message(from, term)), false);
    peer.say(...outbox.nextOrdered()!);
    return await peer.ended;
  } finally {
    peer.close();
  }
}

function itSurvives<M>(kind: EngineKind<M>, forgery: Forgery<M>): void {
  it(`${kind.name}: a snapshot that cannot be read ended the server that it was sent to`, async () => {
    cluster = await startCluster({ nodes: 3, backend: kind.name as EngineName, election: '500ms', metrics: false });
    await serves();
    const configuration = simpleConfiguration([1, 2, 3]);
    for (const data of [Buffer.from('garbage'), Buffer.alloc(0)]) {
      const refusal = await sayTo(kind, (from, term) =>
        forgery.snapshot(from, term + 1, {
          index: 10_000,
          term: term + 1,
          configuration,
          content: new MemoryContent(data),
        }),
      );
      expect(refusal).toMatchObject({
        code: status.INVALID_ARGUMENT,
        details: expect.stringMatching(/snapshot of index 10000: snapshot/),
      });
    }
    expect((await cluster.status()).map(({ state }) => state)).toEqual(['running', 'running', 'running']);
    await serves();
  });
}

itSurvives(gorumsKind, gorumsForgery);
itSurvives(etcdKind, etcdForgery);
itSurvives(hashicorpKind, hashicorpForgery);

it('random frames end a link, and no server', async () => {
  cluster = await startCluster({ nodes: 3, backend: 'etcd', election: '500ms', metrics: false });
  await serves();
  const { id } = await leaderOf(cluster.addresses);
  const [from, to] = [1, 2, 3].filter((each) => each !== id) as [number, number];
  const introduction = await introductionOf(from, 'etcd');
  const message = etcdForgery
    .any(from, parts([Buffer.alloc(0)], [Buffer.alloc(0)]))
    .map((of) => etcdKind.codec.encode(of));
  const payload = fc.oneof(
    message.map((bytes) => Buffer.concat([Buffer.of(bytes.length), bytes])),
    fc.uint8Array({ maxLength: 200 }),
  );
  const kind = fc.constantFrom(...Object.values(FrameKind));
  const frame = fc.tuple(kind, payload, fc.option(fc.tuple(fc.nat(40), fc.nat(255)), { freq: 4 }));
  const talks = fc.record({ greets: fc.boolean(), frames: fc.array(frame, { maxLength: 6 }) });
  for (const { greets, frames } of fc.sample(talks, { numRuns: LINKS, seed: SEED })) {
    const peer = await RawPeer.dial(cluster.addresses[to - 1]!);
    if (greets) peer.say(encodeHello({ from, to, engine: 'etcd', introduction }));
    for (const [of, bytes, damage] of frames) {
      const said = encodeFrame(of, bytes);
      if (damage !== null && damage[0] < said.length) said[damage[0]] = damage[1];
      peer.say(said);
    }
    peer.socket.end();
    await peer.ended;
  }
  const servers = await cluster.status();
  expect(servers.map(({ state, restarts }) => ({ state, restarts }))).toEqual(
    [1, 2, 3].map(() => ({ state: 'running', restarts: 0 })),
  );
  await serves();
});

it('random calls of the original’s unary service ended servers', async () => {
  cluster = await startCluster({ nodes: 3, election: '500ms', metrics: false });
  const stubs = cluster.addresses.map((address) => new Client(address, credentials.createInsecure()));
  const made = parts([Buffer.alloc(0), gorumsForgery.change(4)], [Buffer.alloc(0)]);
  const message = fc.constantFrom(1, 2, 3).chain((from) => gorumsForgery.any(from, made));
  const calls = fc.tuple(message, fc.nat(2), fc.option(fc.tuple(fc.nat(30), fc.nat(255)), { freq: 8 }));
  try {
    for (const [of, to, damage] of fc.sample(calls, { numRuns: CALLS, seed: SEED })) {
      const request = encodeRequest(of);
      if (request === undefined) continue;
      const bytes = Buffer.from(request.bytes);
      if (damage !== null && damage[0] < bytes.length) bytes[damage[0]] = damage[1];
      const deadline = Date.now() + CALL_DEADLINE_MS;
      await new Promise((done) =>
        stubs[to]!.makeUnaryRequest(`/gorums.Raft/${request.method}`, same, same, bytes, { deadline }, done),
      );
    }
    const servers = await cluster.status();
    expect(servers.map(({ state, restarts }) => ({ state, restarts }))).toEqual(
      [1, 2, 3].map(() => ({ state: 'running', restarts: 0 })),
    );
  } finally {
    for (const stub of stubs) stub.close();
  }
});
