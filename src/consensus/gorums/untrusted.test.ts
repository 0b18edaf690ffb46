import { describe, expect, it } from 'vitest';
import { Role } from '../contract.ts';
import type { Entry } from '../entry.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { SteppedEngine } from '../testing/steppedEngine.ts';
import { gorumsKind } from './index.ts';
import type { AppendEntries } from './messages.ts';

function server(entries: readonly Entry[] = []) {
  return new SteppedEngine(gorumsKind, {
    id: 1,
    bootstrap: [1, 2, 3],
    hardState: { term: 3, vote: 0, commit: 0 },
    entries,
  });
}

function append(of: Partial<AppendEntries>): AppendEntries {
  const numbers = { call: 50, leader: 2, term: 3, prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
  return { type: 'AppendEntries', ...numbers, entries: [], ...of };
}

function leader() {
  const led = server();
  const { messages } = led.pass(TEST_SETTINGS.electionTimeoutMs);
  const call = messages[0]!.message.call;
  led.engine.receive(2, { type: 'RequestVoteResponse', call, term: 4, granted: true });
  const { messagesAfterPersist } = led.settle();
  const election = messagesAfterPersist[0]!.message.call;
  led.step(2, { type: 'RequestVoteResponse', call: election, term: 4, granted: true });
  expect(led.engine.status()).toMatchObject({ role: Role.Leader, term: 4 });
  return led;
}

describe('what no correct server sends', () => {
  it('a leader that was told to stand for election in its own name led a term that nobody elected it for', () => {
    const led = leader();
    led.step(2, { type: 'TimeoutNow', call: 9, leader: 1, term: 4 });
    expect(led.engine.status()).toMatchObject({ role: Role.Leader, term: 4 });
  });

  it('a message in the name of another server was taken for that server’s', () => {
    const one = server();
    expect(one.engine.receive(2, append({ leader: 3 }))).toMatchObject({ malformed: true });
    expect(one.engine.status().leader).toBe(0);
  });

  it('a message in its own name made a server follow itself', () => {
    const one = server();
    one.step(1, append({ leader: 1, term: 4 }));
    expect(one.engine.status()).toMatchObject({ term: 3, leader: 0 });
  });
});
