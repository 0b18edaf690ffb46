import { EventEmitter } from 'node:events';
import { type handleUnaryCall, status } from '@grpc/grpc-js';
import { describe, expect, it } from 'vitest';
import type { Refusal } from '../../consensus/contract.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { encodeRequest, type GorumsMethod } from '../../wire/gorumsWire.ts';
import { GorumsUnaryServer } from './gorumsUnary.ts';

/** Server 1 of three, called with `message`. */
function called(message: GorumsMessage, refusal?: Refusal) {
  const received: [number, string][] = [];
  const answers: { code?: status; details?: string }[] = [];
  const server = new GorumsUnaryServer({ self: 1, serverCount: 3 }, (from, { type }) => {
    received.push([from, type]);
    return refusal;
  });
  const { method, bytes } = encodeRequest(message)!;
  const handler = server.implementation()[method as GorumsMethod] as handleUnaryCall<Buffer, Buffer>;
  const call = Object.assign(new EventEmitter(), { request: Buffer.from(bytes) });
  handler(call as never, (error) => answers.push(error ?? {}));
  return { received, answers };
}

const vote = (candidate: number): GorumsMessage => {
  return { type: 'RequestVote', call: 0, candidate, term: 1, lastLogIndex: 0, lastLogTerm: 0, preVote: false };
};

describe('the unary service of the gorums engine', () => {
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
