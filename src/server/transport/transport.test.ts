import { EventEmitter, once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { expect, it, onTestFinished } from 'vitest';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { encodeRequest, gorumsUnaryCalls } from '../../consensus/gorums/unaryCodec.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { NO_FENCES } from '../../wire/fence.ts';
import { PEER_VERSIONS } from '../../wire/peerVersions.ts';
import { Hearsay } from '../identity/hearsay.ts';
import { introductionOf } from '../identity/identity.ts';
import { IdentityFile } from '../identity/identityFile.ts';
import { Addresses } from '../identity/testing/addresses.ts';
import { sniff } from '../net/sniff.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { PeerAcceptor } from './peerAcceptor.ts';
import { RememberingLog } from './testing/linked.ts';
import { PeerTransport, type TransportOptions } from './transport.ts';

function identityOf(id: number): IdentityFile {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-transport-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return IdentityFile.open(folder, id, 'gorums', true);
}

function transportOf(identity: IdentityFile, overrides: Partial<TransportOptions<GorumsMessage>>) {
  const transport = new PeerTransport<GorumsMessage>({
    self: 1,
    speaks: PEER_VERSIONS,
    servers: [1, 2, 3].map((port) => ({ host: '127.0.0.1', port })),
    security: NO_SECURITY,
    impersonation: () => undefined,
    kind: gorumsKind,
    identity,
    hearsay: new Hearsay(identity, new Addresses()),
    unaryCalls: gorumsUnaryCalls,
    ordered: true,
    maxMessageBytes: 8192,
    log: new RememberingLog() as unknown as LimitedLog,
    fences: () => NO_FENCES,
    receive: () => undefined,
    accepted: () => {},
    gone: () => {},
    refused: () => {},
    ...overrides,
  });
  onTestFinished(() => transport.close());
  return transport;
}

it('unary calls in the name of a server that was being admitted again reached the engine', () => {
  const identity = identityOf(1);
  const received: string[] = [];
  const transport = transportOf(identity, {
    receive: (from, { type }) => {
      received.push(`${type} of ${from}`);
      return undefined;
    },
  });
  const vote = (candidate: number) => {
    const message = { type: 'RequestVote', call: 0, candidate, term: 1, lastLogIndex: 0, lastLogTerm: 0 } as const;
    const { bytes } = encodeRequest({ ...message, preVote: false })!;
    const call = Object.assign(new EventEmitter(), { request: Buffer.from(bytes) });
    const answers: unknown[] = [];
    const handler = transport.unaryServer!.implementation().RequestVote as handleUnaryCall<Buffer, Buffer>;
    handler(call as never, (error) => answers.push(error));
    return answers;
  };
  const claim = { ...introductionOf(identity.identity), id: 2, instance: 'f'.repeat(32) };
  const shutOut = transport.acceptor.shutOut({ ...claim, isMember: false });
  const refused = [{ code: status.FAILED_PRECONDITION, details: expect.stringContaining('being admitted again') }];
  expect(vote(2)).toEqual(refused);
  expect(vote(3)).toEqual([]);
  shutOut.given(7);
  shutOut.over();
  expect(vote(2)).toEqual(refused);
  identity.meet({ ...claim, admitted: 6 });
  expect(vote(2)).toEqual(refused);
  identity.meet({ ...claim, admitted: 7 });
  expect(vote(2)).toEqual([]);
  expect(received).toEqual(['RequestVote of 3', 'RequestVote of 2']);

  // What it asked before it took part was granted late; then it said at its own address that it takes part.
  const late = transport.acceptor.shutOut({ ...claim, isMember: false });
  late.given(9);
  late.over();
  expect(vote(2)).toEqual(refused);
  transport.acceptor.met({ ...claim, admitted: 7 });
  expect(vote(2)).toEqual([]);
});

it('a server that one of the original’s took the place of counted as one that speaks what it had said on its link', async () => {
  const [one, two] = [identityOf(1), identityOf(2)];
  for (const identity of [one, two]) identity.change({ cluster: 'c'.repeat(32) });
  const addresses = new Addresses();
  addresses.put(1, () => one.identity);
  const acceptor = new PeerAcceptor({
    codec: gorumsKind.codec,
    log: new RememberingLog() as never,
    maxMessageBytes: 8192,
    self: 2,
    serverCount: 2,
    speaks: PEER_VERSIONS,
    identity: two,
    hearsay: new Hearsay(two, addresses),
    fences: () => NO_FENCES,
    receive: () => undefined,
  });
  const sockets: Socket[] = [];
  const ours = createServer((socket) => {
    sockets.push(socket);
    sniff(
      socket,
      () => acceptor.accept(socket),
      () => socket.destroy(),
    );
  });
  ours.listen(0, '127.0.0.1');
  await once(ours, 'listening');
  const { port } = ours.address() as AddressInfo;
  const transport = transportOf(one, { servers: [1, port].map((each) => ({ host: '127.0.0.1', port: each })) });
  const type = 'RequestVote';
  const message = { type, call: 0, candidate: 1, term: 1, lastLogIndex: 0, lastLogTerm: 0, preVote: false } as const;
  const say = () => transport.send([{ to: 2, message }]);
  say();
  await expect.poll(() => transport.versionOf([1, 2])).toBe(PEER_VERSIONS.newest);

  acceptor.close();
  for (const socket of sockets) socket.destroy();
  ours.close();
  await once(ours, 'close');
  // Of the protocol it knows what gRPC knows, and neither our links nor our question.
  const original = new Server();
  await new Promise((bound) =>
    original.bindAsync(`127.0.0.1:${port}`, ServerCredentials.createInsecure(), () => bound(undefined)),
  );
  onTestFinished(() => original.forceShutdown());
  const called = () => {
    say();
    return transport.unaryPeers;
  };
  await expect.poll(called, { timeout: 20_000 }).toEqual([2]);
  expect(transport.versionOf([1, 2])).toBe(PEER_VERSIONS.oldest);
});
