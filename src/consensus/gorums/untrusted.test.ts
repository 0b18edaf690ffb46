import { describe, expect, it } from 'vitest';
import { Role } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
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

const entry = (index: number, term: number) => new Entry(index, term, EntryType.Normal, Uint8Array.of(index));

function append(of: Partial<AppendEntries>): AppendEntries {
  const numbers = { call: 50, leader: 2, term: 3, prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
  return { type: 'AppendEntries', ...numbers, entries: [], ...of };
}

function leader() {
  const led = server();
  const { messages } = led.pass(2 * TEST_SETTINGS.electionTimeoutMs);
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

  it('a term beyond what integers hold was taken, and could then be neither raised nor read back from disk', () => {
    const one = server();
    const { persist } = one.step(2, append({ term: Number.MAX_SAFE_INTEGER }));
    expect(persist).toBeUndefined();
    expect(one.engine.status().term).toBe(3);
    one.step(2, {
      type: 'AppendEntriesResponse',
      call: 1,
      term: Number.MAX_SAFE_INTEGER,
      matchIndex: 0,
      success: false,
    });
    expect(one.engine.status().term).toBe(3);
  });

  it('entries whose terms fall were stored, and the log told other terms than its entries have', () => {
    const one = server();
    const { messages, persist } = one.step(2, append({ entries: [entry(1, 3), entry(2, 1), entry(3, 3)] }));
    expect(persist).toBeUndefined();
    expect(messages[0]?.message).toMatchObject({ type: 'AppendEntriesResponse', success: false });
  });

  it('entries of a later term than their leader were stored', () => {
    const one = server();
    expect(one.step(2, append({ entries: [entry(1, 4)] })).persist).toBeUndefined();
  });

  it('a message in its own name made a server follow itself', () => {
    const one = server();
    one.step(1, append({ leader: 1, term: 4 }));
    expect(one.engine.status()).toMatchObject({ term: 3, leader: 0 });
  });
});
