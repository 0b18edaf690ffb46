import { EventEmitter } from 'node:events';
import { type handleUnaryCall, status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { MalformedMessageError } from '../../consensus/contract.ts';
import type { UnaryCalls } from '../../consensus/unaryCalls.ts';
import { HearingServer } from '../../server/host/testing/hearingServer.ts';
import { UnaryServer } from '../../server/transport/unaryCalls.ts';
import { FORGED_ENGINES, type ForgedEngine } from '../engines.ts';
import { forgedMessages, SENDERS } from '../forged.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

interface Call {
  readonly method: string;
  readonly bytes: Uint8Array;
  /** Whoever made it gives it up before it is answered. */
  readonly isGivenUp: boolean;
}

const REFUSALS: ReadonlySet<status> = new Set([status.INVALID_ARGUMENT, status.FAILED_PRECONDITION]);

/** An answer may be anything: what reads it is the calling end. */
function checkAnswer(calls: UnaryCalls<unknown>, { method, bytes }: Call): void {
  taken(() => calls.decodeResponse(method, bytes, 1), MalformedMessageError);
}

function unaryOf({ name, entry, forgery }: ForgedEngine, calls: UnaryCalls<unknown>): FuzzTarget<readonly Call[]> {
  const { methods } = calls;
  const requests = fc
    .constantFrom(...SENDERS)
    .chain((from) => forgedMessages(forgery, from))
    .map((message) => calls.encodeRequest(message))
    .filter((request) => request !== undefined);
  const call = fc.oneof(
    {
      weight: 6,
      arbitrary: requests.chain(({ method, bytes }) =>
        damagedBytes(fc.constant(bytes)).map((damaged) => ({ method, bytes: damaged, isGivenUp: false })),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        method: fc.constantFrom(...methods),
        bytes: damagedBytes(requests.map(({ bytes }) => bytes)),
        isGivenUp: fc.boolean(),
      }),
    },
  );
  return {
    name: `raft-unary-${name}`,
    takes: `the unary calls of ${calls.service}, up to the ${name} engine`,
    inputs: fc.array(call, { minLength: 1, maxLength: 6 }),
    check(list) {
      const server = new HearingServer(entry.kind);
      let heard = 0;
      const unary = new UnaryServer({
        calls,
        self: 1,
        serverCount: 3,
        receive: (from, message) => {
          heard++;
          demand(from === 2 || from === 3, () => `a call is made by one of the others, not by ${from}`);
          demand(calls.senderOf(message) === from, 'a call is of who is in it');
          return server.hear(from, message);
        },
        impersonation: () => undefined,
      });
      const handlers = unary.implementation();
      const answers = list.map(() => 0);
      for (const [at, one] of list.entries()) {
        checkAnswer(calls, one);
        const handler = handlers[one.method] as handleUnaryCall<Buffer, Buffer>;
        const request = Object.assign(new EventEmitter(), { request: Buffer.from(one.bytes) });
        handler(request as never, (error) => {
          answers[at]!++;
          const isFit = error === null || REFUSALS.has(error.code!);
          demand(isFit, () => `a call is answered, or refused for what is wrong with it: ${error?.code}`);
        });
        if (one.isGivenUp) request.emit('cancelled');
        server.run();
        server.sync();
        server.run();
        for (const message of server.takeSent()) unary.answer(message);
        demand(server.failures.length === 0, () => `the server goes on: ${server.failures[0]?.stack}`);
      }
      demand(
        answers.every((count) => count <= 1),
        'a call is answered once at most',
      );
      return heard > 0;
    },
  };
}

export const RAFT_UNARY = FORGED_ENGINES.flatMap((engine) => {
  const { unaryCalls } = engine.entry;
  return unaryCalls === undefined ? [] : [unaryOf(engine, unaryCalls)];
});
