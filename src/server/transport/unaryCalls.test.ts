import { EventEmitter } from 'node:events';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import { describe, expect, it, vi } from 'vitest';
import { type Refusal, simpleConfiguration } from '../../consensus/contract.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { encodeRequest, encodeResponse, gorumsUnaryCalls } from '../../consensus/gorums/unaryCodec.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { NO_SECURITY } from '../../net/endpoints/security.ts';
import { PeerService } from '../../wire/generated/peer.ts';
import { blankIdentity, type Introduction, introductionOf } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { Originals } from './originals.ts';
import { ASK_AGAIN_MS, UnaryClient, UnaryServer, unaryService } from './unaryCalls.ts';

/** Server 1 of three, called with `message`. */
function called(message: GorumsMessage, refusal?: Refusal) {
  const received: [number, string][] = [];
  const answers: { code?: status; details?: string }[] = [];
  const receive = (from: number, { type }: GorumsMessage) => {
    received.push([from, type]);
    return refusal;
  };
  const server = new UnaryServer({
    calls: gorumsUnaryCalls,
    self: 1,
    serverCount: 3,
    receive,
    impersonation: () => undefined,
  });
  const { method, bytes } = encodeRequest(message)!;
  const handler = server.implementation()[method] as handleUnaryCall<Buffer, Buffer>;
  const call = Object.assign(new EventEmitter(), { request: Buffer.from(bytes) });
  handler(call as never, (error) => answers.push(error ?? {}));
  return { received, answers };
}

const vote = (candidate: number): GorumsMessage => {
  return { type: 'RequestVote', call: 0, candidate, term: 1, lastLogIndex: 0, lastLogTerm: 0, preVote: false };
};

describe('the service of unary calls, with those of the gorums engine', () => {
  it('hands a call of another server to the engine', () => {
    expect(called(vote(3))).toEqual({ received: [[3, 'RequestVote']], answers: [] });
  });

  it.each([0, 1, 4, 2 ** 40])(
    'a call in the name of server %i, which is none of the others, reached the engine',
    (id) => {
      const { received, answers } = called(vote(id));
      expect(received).toEqual([]);
      expect(answers).toMatchObject([
        { code: status.INVALID_ARGUMENT, details: expect.stringContaining(`server ${id}`) },
      ]);
    },
  );

  it('says why the engine left a call out', () => {
    const malformed = called(vote(3), { reason: 'a vote that nobody sends', malformed: true });
    expect(malformed.answers).toEqual([{ code: status.INVALID_ARGUMENT, details: 'a vote that nobody sends' }]);
    const early = called(vote(3), { reason: 'too far ahead', malformed: false });
    expect(early.answers).toEqual([{ code: status.FAILED_PRECONDITION, details: 'too far ahead' }]);
  });

  it('a CatchMeUp in the name of nobody was answered as if it were taken', () => {
    const { received, answers } = called({ type: 'CatchMeUp', call: 0, follower: 9, nextIndex: 1 });
    expect(received).toEqual([]);
    expect(answers).toMatchObject([{ code: status.INVALID_ARGUMENT }]);
  });
});

/** On a port of its own. */
function bound(server: Server): Promise<number> {
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
}

/** Server 1's, of server 2, which takes whatever it says of itself. */
function clientOf(port: number, log: LimitedLog, originals: Originals): UnaryClient<GorumsMessage> {
  return new UnaryClient({
    calls: gorumsUnaryCalls,
    peer: 2,
    address: { host: '127.0.0.1', port },
    security: NO_SECURITY,
    maxMessageBytes: 8192,
    identity: { identity: blankIdentity(1, 'gorums', 'own', 'member'), meet: () => undefined } as never,
    log,
    receive: () => {},
    counts: () => true,
    accepted: () => {},
    refused: () => {},
    originals,
  });
}

describe('a client of the unary service', () => {
  it('used an answer of whoever had introduced himself once, though another folder was admitted meanwhile', async () => {
    const earlier = introductionOf({
      ...blankIdentity(2, 'gorums', 'f'.repeat(32), 'member'),
      cluster: 'c'.repeat(32),
      life: 'e'.repeat(16),
      boots: 1,
    });
    const server = new Server();
    let introductions = 0;
    const introduce: handleUnaryCall<unknown, unknown> = (_call, done) => {
      introductions++;
      done(null, { introduction: earlier, misfit: '', isVoter: true, leader: 0, known: [] });
    };
    server.addService({ introduce: PeerService.introduce }, { introduce });
    const waiting: (() => void)[] = [];
    const granted = { type: 'RequestVoteResponse', call: 0, term: 1, granted: true } as const;
    const requestVote: handleUnaryCall<Buffer, Buffer> = (_call, done) => {
      waiting.push(() => done(null, Buffer.from(encodeResponse(granted))));
      wake();
    };
    server.addService({ RequestVote: unaryService(gorumsUnaryCalls).RequestVote! }, { RequestVote: requestVote });
    let wake = () => {};
    const until = async (done: () => boolean) => {
      while (!done()) await new Promise<void>((resolve) => (wake = resolve));
    };
    const port = await bound(server);
    const received: GorumsMessage[] = [];
    const asked: Introduction[] = [];
    let isReplaced = false;
    const own = blankIdentity(1, 'gorums', 'own', 'member');
    const client = new UnaryClient({
      calls: gorumsUnaryCalls,
      peer: 2,
      address: { host: '127.0.0.1', port },
      security: NO_SECURITY,
      maxMessageBytes: 8192,
      identity: { identity: own, meet: () => undefined } as unknown as IdentityFile,
      log: {} as LimitedLog,
      receive: (_from, message) => {
        received.push(message);
        wake();
      },
      counts: (claim) => {
        asked.push(claim);
        wake();
        return !isReplaced;
      },
      accepted: () => {},
      refused: () => {},
      originals: new Originals({} as LimitedLog),
    });
    try {
      client.send(vote(1));
      await until(() => waiting.length === 1);
      waiting.shift()!();
      await until(() => received.length === 1);
      client.send(vote(1));
      await until(() => waiting.length === 1);
      isReplaced = true;
      waiting.shift()!();
      await until(() => asked.length === 2);
      expect(asked.map(({ instance }) => instance)).toEqual(['f'.repeat(32), 'f'.repeat(32)]);
      // Before it is called again, it is asked again who it is.
      client.send(vote(1));
      await until(() => waiting.length === 1);
      expect(introductions).toBe(2);
      expect(received).toHaveLength(1);
    } finally {
      client.close();
      server.forceShutdown();
    }
  });

  it('makes one call at a time that is large, and the next once that is over', async () => {
    const server = new Server();
    const waiting: ((error: Error | null) => void)[] = [];
    let wake = () => {};
    const until = async (done: () => boolean) => {
      while (!done()) await new Promise<void>((resolve) => (wake = resolve));
    };
    const service = unaryService(gorumsUnaryCalls);
    const votes: number[] = [];
    // One of ours: the original's would be sent no snapshot.
    const claim = introductionOf({
      ...blankIdentity(2, 'gorums', 'f'.repeat(32), 'member'),
      cluster: 'c'.repeat(32),
      life: 'e'.repeat(16),
      boots: 1,
    });
    const introduce: handleUnaryCall<unknown, unknown> = (_call, done) =>
      done(null, { introduction: claim, misfit: '', isVoter: true, leader: 0, known: [] });
    server.addService({ introduce: PeerService.introduce }, { introduce });
    server.addService(
      { InstallSnapshot: service.InstallSnapshot!, RequestVote: service.RequestVote! },
      {
        InstallSnapshot: ((_call, done) => {
          waiting.push((error) => done(error, Buffer.alloc(0)));
          wake();
        }) satisfies handleUnaryCall<Buffer, Buffer>,
        RequestVote: ((_call, done) => {
          votes.push(waiting.length);
          done(null, Buffer.alloc(0));
          wake();
        }) satisfies handleUnaryCall<Buffer, Buffer>,
      },
    );
    const port = await bound(server);
    const received: GorumsMessage[] = [];
    const own = blankIdentity(1, 'gorums', 'own', 'member');
    const client = new UnaryClient({
      calls: gorumsUnaryCalls,
      peer: 2,
      address: { host: '127.0.0.1', port },
      security: NO_SECURITY,
      maxMessageBytes: 8192,
      identity: { identity: own, meet: () => undefined } as unknown as IdentityFile,
      log: {} as LimitedLog,
      receive: (_from, message) => {
        received.push(message);
        wake();
      },
      counts: () => true,
      accepted: () => {},
      refused: () => {},
      originals: new Originals({} as LimitedLog),
    });
    const configuration = simpleConfiguration([1, 2, 3]);
    const numbers = { leader: 1, term: 1, lastIncludedIndex: 9, lastIncludedTerm: 1 };
    const snapshot = (call: number): GorumsMessage => {
      return { type: 'InstallSnapshot', call, ...numbers, configuration, data: Uint8Array.of(1) };
    };
    try {
      client.send(snapshot(1));
      client.send(snapshot(2));
      client.send(vote(1));
      await until(() => votes.length === 1 && waiting.length === 1);
      waiting.shift()!(null);
      await until(() => received.some(({ type }) => type === 'InstallSnapshotResponse'));
      client.send(snapshot(3));
      await until(() => waiting.length === 1);
      client.send(snapshot(4));
      client.send(vote(1));
      await until(() => votes.length === 2);
      expect(waiting).toHaveLength(1);
    } finally {
      client.close();
      server.forceShutdown();
    }
  });

  it('sends one of the original’s no snapshot, which it would answer and not install, and goes on sending it the log', async () => {
    const server = new Server();
    const service = unaryService(gorumsUnaryCalls);
    const calls: string[] = [];
    let wake = () => {};
    const until = async (done: () => boolean) => {
      while (!done()) await new Promise<void>((resolve) => (wake = resolve));
    };
    const methods = ['InstallSnapshot', 'AppendEntries'] as const;
    const handler = (method: string): handleUnaryCall<Buffer, Buffer> => {
      return (_call, done) => {
        calls.push(method);
        done(null, Buffer.alloc(0));
        wake();
      };
    };
    server.addService(
      Object.fromEntries(methods.map((method) => [method, service[method]!])),
      Object.fromEntries(methods.map((method) => [method, handler(method)])),
    );
    const port = await bound(server);
    const lines: string[] = [];
    const warn = (_fields: object, line: string) => void lines.push(line);
    const log = { warn, info: warn } as unknown as LimitedLog;
    const originals = new Originals(log);
    const client = clientOf(port, log, originals);
    const append = (prevLogIndex: number): GorumsMessage => {
      const numbers = { call: 1, leader: 1, term: 1, prevLogIndex, prevLogTerm: 1, commitIndex: 0 };
      return { type: 'AppendEntries', ...numbers, entries: [] };
    };
    const configuration = simpleConfiguration([1, 2, 3]);
    const whole = { index: 9, term: 1, configuration, content: new MemoryContent(Uint8Array.of(1)) };
    const chunk = { call: 1, leader: 1, term: 1, index: 9, snapshotTerm: 1, configuration, offset: 0, total: 1 };
    try {
      client.send({ type: 'SnapshotChunk', ...chunk, data: whole.content.bytes, whole });
      // As it goes with a snapshot: it says nothing of the log, and would take back what is committed there.
      client.send(append(0));
      client.send({ type: 'SnapshotChunk', ...chunk, data: whole.content.bytes, whole });
      client.send({
        type: 'RequestVote',
        call: 0,
        candidate: 1,
        term: 1,
        lastLogIndex: 0,
        lastLogTerm: 0,
        preVote: true,
      });
      await new Promise((resolve) => setImmediate(resolve));
      client.send(append(9));
      await until(() => calls.length > 0);
      expect(calls).toEqual(['AppendEntries']);
      expect([originals.ids, originals.outOfReach]).toEqual([[2], []]);
      expect(lines).toEqual([
        expect.stringMatching(/^this cluster is mixed: server 2 is one of the original's\. .*can change/),
        expect.stringMatching(/^server 2 is one of the original's, which take no snapshots, and lacks entries/),
      ]);
    } finally {
      client.close();
      server.forceShutdown();
    }
  });

  it('took one of ours for the original’s that had been there, to which a snapshot goes and nothing else, where no call failed meanwhile', async () => {
    const server = new Server();
    const service = unaryService(gorumsUnaryCalls);
    let isOurs = false;
    const claim = introductionOf({
      ...blankIdentity(2, 'gorums', 'f'.repeat(32), 'member'),
      cluster: 'c'.repeat(32),
      life: 'e'.repeat(16),
      boots: 1,
    });
    const introduce: handleUnaryCall<unknown, unknown> = (_call, done) => {
      if (isOurs) done(null, { introduction: claim, misfit: '', isVoter: true, leader: 0, known: [] });
      else done({ code: status.UNIMPLEMENTED });
    };
    server.addService({ introduce: PeerService.introduce }, { introduce });
    const installed = new Promise<void>((resolve) => {
      const install: handleUnaryCall<Buffer, Buffer> = (_call, done) => {
        done(null, Buffer.alloc(0));
        resolve();
      };
      server.addService({ InstallSnapshot: service.InstallSnapshot! }, { InstallSnapshot: install });
    });
    const port = await bound(server);
    let outOfReach = () => {};
    const isOutOfReach = new Promise<void>((resolve) => (outOfReach = resolve));
    const warn = (_fields: object, line: string) => void (line.includes('no snapshots') && outOfReach());
    const log = { warn, info: () => {} } as unknown as LimitedLog;
    const client = clientOf(port, log, new Originals(log));
    const configuration = simpleConfiguration([1, 2, 3]);
    const numbers = { call: 1, leader: 1, term: 1, lastIncludedIndex: 9, lastIncludedTerm: 1 };
    const snapshot: GorumsMessage = { type: 'InstallSnapshot', ...numbers, configuration, data: Uint8Array.of(1) };
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      client.send(snapshot);
      await isOutOfReach;
      isOurs = true;
      vi.advanceTimersByTime(ASK_AGAIN_MS + 1);
      client.send(snapshot);
      client.send(snapshot);
      await installed;
    } finally {
      vi.useRealTimers();
      client.close();
      server.forceShutdown();
    }
  });
});
