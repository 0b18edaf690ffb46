import { describe, expect, it } from 'vitest';
import { type EngineKind, type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { type LogStore, UnknownFormatError } from '../storage/contract.ts';
import { MemoryDisk } from '../storage/memoryDisk.ts';
import type { CommandOutcome } from './outcomes.ts';
import { drivenReplica, SETTINGS } from './testing/drivenReplica.ts';

/** Server 1 of three on a disk of its own, driven by hand. */
function replicaOn(disk: MemoryDisk, kind: EngineKind<GorumsMessage> = gorumsKind, stored?: Snapshot) {
  const failures: Error[] = [];
  const prepare = (store: LogStore) => {
    if (stored !== undefined) Object.assign(store, { snapshot: () => stored });
  };
  const failed = (error: Error) => failures.push(error);
  return { ...drivenReplica(kind, { bootstrap: [1, 2, 3], disk, prepare, failed }), failures };
}

function installSnapshot(data: Uint8Array): GorumsMessage {
  const numbers = { call: 1, leader: 2, term: 3, lastIncludedIndex: 7, lastIncludedTerm: 2 };
  return { type: 'InstallSnapshot', ...numbers, configuration: simpleConfiguration([1, 2, 3]), data };
}

describe('a replica given a snapshot by its leader', () => {
  it('one that cannot be restored ended the server', async () => {
    const disk = new MemoryDisk();
    const { replica, store, sent, failures, run } = replicaOn(disk);
    const refusal = replica.receive(2, installSnapshot(Uint8Array.of(99, 1, 2)));
    expect(refusal).toEqual({ reason: expect.stringMatching(/index 7: snapshot version 99/), malformed: true });
    run();
    expect(failures).toEqual([]);
    expect(sent).toEqual([]);
    expect(replica.status()).toMatchObject({ appliedIndex: 0, lastIndex: 0 });
    await store.close();
  });

  it('one that another version stored is refused at the start, by name', () => {
    const data = Uint8Array.of(1, ...new KeyValueStore().snapshot().subarray(1));
    const stored = {
      index: 7,
      term: 2,
      configuration: simpleConfiguration([1, 2, 3]),
      content: new MemoryContent(data),
    };
    const start = () => replicaOn(new MemoryDisk(), gorumsKind, stored);
    expect(start).toThrow(UnknownFormatError);
    expect(start).toThrow('the stored snapshot of index 7: snapshot version 1, expected 4');
  });

  it('restores it and says so once it is durable', async () => {
    const { replica, store, sent, failures, stateMachine, run } = replicaOn(new MemoryDisk());
    const source = new KeyValueStore();
    replica.receive(2, installSnapshot(source.snapshot()));
    run();
    expect(sent).toEqual([]);
    await store.close();
    expect(failures).toEqual([]);
    expect(sent).toEqual([{ type: 'InstallSnapshotResponse', call: 1, term: 3 }]);
    expect(replica.status().appliedIndex).toBe(7);
    expect(stateMachine.keyCount).toBe(0);
  });
});

describe('a replica whose leader is not answered', () => {
  it('leaves open what stands in its log, and refuses what comes then', async () => {
    const { replica, store, sent, run, clock } = replicaOn(new MemoryDisk());
    const outcomes: [number, string][] = [];
    const sink = {
      commandDone: (tag: number, { status }: CommandOutcome) => outcomes.push([tag, status]),
      lookupDone: () => {},
    };
    for (; clock.nowMs < 150; clock.nowMs += 5) replica.tick();
    replica.receive(2, { type: 'RequestVoteResponse', call: sent.at(-1)!.call, term: 1, granted: true });
    run();
    // Its own vote, and its request for others, wait for the disk.
    for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
    replica.receive(2, { type: 'RequestVoteResponse', call: sent.at(-1)!.call, term: 1, granted: true });
    run();
    expect(replica.status()).toMatchObject({ role: 'leader', leader: 1 });
    replica.submit(new Uint8Array(0), sink, 1);
    run();
    const until = clock.nowMs + 2 * SETTINGS.electionTimeoutMs;
    for (; clock.nowMs < until; clock.nowMs += 5) replica.tick();
    expect(replica.status()).toMatchObject({ role: 'leader', leader: 0 });
    expect(outcomes).toEqual([[1, 'unknown']]);
    replica.submit(new Uint8Array(0), sink, 2);
    run();
    expect(outcomes).toEqual([
      [1, 'unknown'],
      [2, 'not-leader'],
    ]);
    await store.close();
  });
});

describe('a replica that has stopped', () => {
  it('never answered what it was asked afterwards', async () => {
    const { replica, store, run } = replicaOn(new MemoryDisk());
    replica.stop();
    const answers: unknown[] = [];
    const sink = {
      commandDone: (_tag: number, { status }: CommandOutcome) => answers.push(status),
      lookupDone: (_tag: number, { status }: { status: string }) => answers.push(status),
    };
    replica.submit(new Uint8Array(0), sink, 1);
    replica.lookup('k', sink, 2);
    replica.reconfigure({ type: 'remove', id: 2 }, (result) => answers.push(result));
    replica.transferLeadership(2, (result) => answers.push(result));
    expect(answers).toEqual([]);
    run();
    const timeout = { ok: false, reason: 'timeout', leader: 0 };
    expect(answers).toEqual(['not-leader', 'not-leader', timeout, timeout]);
    replica.stop();
    expect(answers).toHaveLength(4);
    await store.close();
  });
});

describe('a replica that finds what cannot be', () => {
  it('stops by the rule that its engine broke, and nothing more leaves', async () => {
    const { replica, store, sent, run, clock, failures } = replicaOn(new MemoryDisk());
    replica.receive(2, installSnapshot(new KeyValueStore().snapshot()));
    run();
    Reflect.set(Reflect.get(replica.engine, 'state') as object, 'term', 1);
    replica.tick();
    expect(failures).toEqual([expect.objectContaining({ name: 'BrokenInvariantError', rule: 'terms rise' })]);
    clock.nowMs += 10 * SETTINGS.electionTimeoutMs;
    replica.tick();
    run();
    await store.close();
    expect(sent).toEqual([]);
    expect(failures).toHaveLength(1);
  });

  it('stops when storage reports what it was never given', async () => {
    const { replica, store, failures } = replicaOn(new MemoryDisk());
    replica.durable(9);
    expect(failures).toEqual([expect.objectContaining({ rule: 'durable was written' })]);
    await store.close();
  });
});
