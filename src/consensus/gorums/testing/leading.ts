import { expect } from 'vitest';
import type { Output } from '../../contract.ts';
import { TEST_SETTINGS } from '../../testing/engineCluster.ts';
import { SteppedEngine, type SteppedStart } from '../../testing/steppedEngine.ts';
import { gorumsKind } from '../index.ts';
import type { AppendEntries, GorumsMessage } from '../messages.ts';

const { electionTimeoutMs } = TEST_SETTINGS;
export type Server = SteppedEngine<GorumsMessage>;

export const start = (of: Partial<SteppedStart> = {}): Server =>
  new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1, 2, 3], ...of });

export function lastCall(output: Output<GorumsMessage>): number {
  const [envelope] = [...output.messages, ...output.messagesAfterPersist].slice(-1);
  if (envelope === undefined) throw new Error('nothing was sent');
  return envelope.message.call;
}

/** Stands for election and wins with the vote of 2; returns the turn in which the first round left. */
export function lead(server: Server): Output<GorumsMessage> {
  const asked = server.pass(electionTimeoutMs);
  const term = server.engine.status().term + 1;
  const grant = { type: 'RequestVoteResponse', term, granted: true } as const;
  const stood = server.step(2, { ...grant, call: lastCall(asked) });
  return server.step(2, { ...grant, call: lastCall(stood) });
}

export function answer(server: Server, from: number, call: number, success = true): Output<GorumsMessage> {
  const { term } = server.engine.status();
  return server.step(from, { type: 'AppendEntriesResponse', call, term, matchIndex: 0, success });
}

/** A leader whose first entry is committed, with nothing on its way. */
export function established(of: Partial<SteppedStart> = {}): Server {
  const server = start(of);
  const call = lastCall(lead(server));
  answer(server, 2, call);
  answer(server, 3, call);
  expect(server.engine.status()).toMatchObject({ role: 'leader', commitIndex: server.log.lastIndex });
  return server;
}

export function propose(server: Server, count: number, data?: Uint8Array): Output<GorumsMessage> {
  const commands = Array.from({ length: count }, (_, i) => data ?? Uint8Array.of(i));
  server.engine.propose({ token: 1, commands });
  return server.settle();
}

/** To whom a turn's rounds went, and from which entry to which. */
export function appends({ messages }: Output<GorumsMessage>) {
  return messages
    .filter((envelope): envelope is { to: number; message: AppendEntries } => envelope.message.type === 'AppendEntries')
    .map(({ to, message }) => [to, message.prevLogIndex, message.entries.length]);
}
