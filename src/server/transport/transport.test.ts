import { EventEmitter } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type handleUnaryCall, status } from '@grpc/grpc-js';
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
import type { LimitedLog } from '../observe/logLimiter.ts';
import { PeerTransport } from './transport.ts';

it('unary calls in the name of a server that was being admitted again reached the engine', () => {
  const folder = mkdtempSync(join(tmpdir(), 'rkv-transport-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const identity = IdentityFile.open(folder, 1, 'gorums', true);
  const received: string[] = [];
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
    log: {} as LimitedLog,
    fences: () => NO_FENCES,
    receive: (from, { type }) => {
      received.push(`${type} of ${from}`);
      return undefined;
    },
    accepted: () => {},
    gone: () => {},
    refused: () => {},
  });
  onTestFinished(() => transport.close());
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
