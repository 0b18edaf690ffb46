import { describe, expect, it } from 'vitest';
import { type EngineInit, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { SteppedEngine } from '../testing/steppedEngine.ts';
import { gorumsKind } from './index.ts';
import { encodeChange } from './membership.ts';

const { electionTimeoutMs } = TEST_SETTINGS;

/** What the simulator found in this engine, each in the smallest form. The finds are told in docs/simulator.md. */
describe('what the simulator found', () => {
  it('a server that an uncommitted change removes still stands, without a vote of its own (thesis §4.2.2)', () => {
    const removal = new Entry(1, 1, EntryType.Reconf, encodeChange({ type: 'remove', id: 1 }));
    const hardState = { term: 1, vote: 1, commit: 0 };
    const server = new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1, 2], entries: [removal], hardState });
    const { messages } = server.pass(electionTimeoutMs);
    expect(messages).toMatchObject([{ to: 2, message: { type: 'RequestVote', preVote: true } }]);
    expect(server.engine.status().role).toBe('pre-candidate');
  });

  it('a server whose removal is committed does not stand', () => {
    const removal = new Entry(1, 1, EntryType.Reconf, encodeChange({ type: 'remove', id: 1 }));
    const hardState = { term: 1, vote: 1, commit: 1 };
    const server = new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1, 2], entries: [removal], hardState });
    expect(server.pass(electionTimeoutMs).messages).toEqual([]);
  });

  it('a leader alone may compact what its rounds have not carried', () => {
    const settings = { entriesPerMessage: 1 };
    const server = new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1], settings });
    server.pass(electionTimeoutMs);
    for (let i = 0; i < 4; i++) server.settle();
    server.engine.propose({ token: 1, commands: Array.from({ length: 40 }, () => Uint8Array.of(1)) });
    server.settle();
    server.settle();
    const { commitIndex } = server.engine.status();
    expect(commitIndex).toBe(41);
    server.engine.applied(commitIndex);
    const configuration = simpleConfiguration([1]);
    server.log.storeSnapshot({ index: 41, term: 1, configuration, content: new MemoryContent(new Uint8Array(0)) }, 0);
    server.engine.snapshotStored(41);
    expect(() => server.pass(TEST_SETTINGS.heartbeatMs)).not.toThrow();
  });

  it('a pre-vote that an earlier life was granted is no vote in this one', () => {
    const hardState = { term: 4, vote: 0, commit: 0 };
    const server = new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1, 2, 3], hardState });
    const [asked] = server.pass(electionTimeoutMs).messages;
    const grant = { type: 'RequestVoteResponse', term: 5, granted: true } as const;
    const stood = server.step(2, { ...grant, call: asked!.message.call });
    const call = stood.messagesAfterPersist[0]!.message.call;
    server.step(3, { ...grant, term: 4, call });
    expect(server.engine.status().role).toBe('candidate');
    server.step(3, { ...grant, call });
    expect(server.engine.status().role).toBe('leader');
  });

  it('calls of two lives have different numbers', () => {
    const firstCall = (random: () => number) => {
      const { log } = new SteppedEngine(gorumsKind, { id: 1, bootstrap: [1, 2, 3] });
      const init: EngineInit = {
        id: 1,
        settings: TEST_SETTINGS,
        random,
        nowMs: 0,
        hardState: log.hardState,
        log,
        bootstrap: [1, 2, 3],
        appliedIndex: 0,
        receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
      };
      const engine = gorumsKind.create(init);
      for (let nowMs = 0; nowMs <= 2 * electionTimeoutMs; nowMs += 5) engine.tick(nowMs);
      return engine.drain().messages[0]!.message.call;
    };
    expect(Math.abs(firstCall(() => 0.25) - firstCall(() => 0.75))).toBeGreaterThan(2 ** 20);
  });
});
