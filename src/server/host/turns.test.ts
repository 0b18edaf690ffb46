import { describe, expect, it } from 'vitest';
import { ChangeType, type EngineKind, type Output, simpleConfiguration } from '../../consensus/contract.ts';
import { gorumsKind } from '../../consensus/gorums/index.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { LONG_MESSAGE_BYTES_MIN } from './replica.ts';
import { type DrivenOptions, type DrivenReplica, drivenReplica } from './testing/drivenReplica.ts';

const REGISTER = encodeCommand({ type: CommandType.Register });

/** Server 1, alone or one of several. */
function driven(bootstrap: readonly number[], options: Partial<DrivenOptions<GorumsMessage>> = {}, kind = gorumsKind) {
  return drivenReplica(kind, { bootstrap, ...options });
}

async function lead({ replica, step }: DrivenReplica<GorumsMessage>): Promise<void> {
  for (let i = 0; i < 200 && !replica.leads; i++) await step();
  expect(replica.leads).toBe(true);
}

/** Remembers what became of commands and lookups. */
function sinkOf() {
  const told: string[] = [];
  const commandDone = (tag: number, { status }: { readonly status: string }) => told.push(`${tag} ${status}`);
  return { told, sink: { commandDone, lookupDone: commandDone } };
}

/** The engine, with something around its drain. */
function around(drain: (inner: () => Output<GorumsMessage>) => Output<GorumsMessage>): EngineKind<GorumsMessage> {
  return {
    ...gorumsKind,
    create: (init) => {
      const engine = gorumsKind.create(init);
      const inner = engine.drain.bind(engine);
      return Object.assign(engine, { drain: () => drain(inner) });
    },
  };
}

/** Notes the mark of every batch that is handed to the store. */
function noting(marks: number[]): NonNullable<DrivenOptions<GorumsMessage>['prepare']> {
  return (store) => {
    const persist = store.persist.bind(store);
    store.persist = (batch) => {
      marks.push(batch.mark);
      persist(batch);
    };
  };
}

function heartbeat(of: { readonly term: number; readonly leader: number }): GorumsMessage {
  const numbers = { call: 1, prevLogIndex: 0, prevLogTerm: 0, commitIndex: 0 };
  return { type: 'AppendEntries', ...numbers, ...of, entries: [] };
}

function installSnapshot(term: number, index: number, data: Uint8Array): GorumsMessage {
  const numbers = { call: 2, leader: 2, term, lastIncludedIndex: index, lastIncludedTerm: term };
  return { type: 'InstallSnapshot', ...numbers, configuration: simpleConfiguration([1, 2, 3]), data };
}

describe('a replica that leads alone', () => {
  it('answers commands and lookups', async () => {
    const server = driven([1]);
    await lead(server);
    const { told, sink } = sinkOf();
    server.replica.submit(REGISTER, sink, 1);
    server.replica.lookup('k', sink, 2);
    for (let i = 0; i < 200 && told.length < 2; i++) await server.step();
    expect(told.sort()).toEqual(['1 ok', '2 ok']);
    await server.store.close();
  });
});

describe('a replica that has stopped', () => {
  it('answers what is open, once, and hears and does nothing more', async () => {
    const failures: Error[] = [];
    const server = driven([1], { failed: (error) => failures.push(error) });
    const { replica, turns, run } = server;
    await lead(server);
    const { told, sink } = sinkOf();
    const requests: unknown[] = [];
    // Nobody answers for server 2, so that this waits.
    replica.reconfigure({ type: ChangeType.AddVoter, id: 2 }, (result) => requests.push(result));
    run();
    replica.submit(REGISTER, sink, 1);
    replica.stop();
    expect(told).toEqual(['1 not-leader']);
    expect(requests).toMatchObject([{ ok: false }]);
    replica.stop();
    replica.failed(new Error('the disk went on failing'));
    run();
    expect([told, requests.length, failures, turns]).toEqual([['1 not-leader'], 1, [], []]);
    replica.submit(REGISTER, sink, 2);
    expect(told).toHaveLength(1);
    run();
    expect([told, turns]).toEqual([['1 not-leader', '2 not-leader'], []]);
    await server.store.close();
  });

  it('stands for nothing, whatever time it is, and sends nothing that waited for its disk', async () => {
    const { replica, store, sent, clock, run, timeOut } = driven([1, 2, 3]);
    timeOut();
    const { call } = sent.at(-1)!;
    replica.receive(2, { type: 'RequestVoteResponse', call, term: 1, granted: true });
    run();
    // Its request for votes waits until its own vote is durable.
    const before = sent.length;
    const status = replica.status();
    expect(status.role).toBe('candidate');
    replica.stop();
    await store.close();
    clock.nowMs *= 2;
    replica.tick();
    replica.receive(3, heartbeat({ term: 9, leader: 3 }));
    expect(sent).toHaveLength(before);
    expect(replica.status()).toEqual(status);
  });

  it('carries a long message out at once, and what is shorter with what else has come', async () => {
    const { replica, store, sent, run } = driven([1, 2, 3]);
    const hear = (bytes: number) => {
      replica.receive(2, heartbeat({ term: 1, leader: 2 }));
      replica.received(bytes);
    };
    hear(LONG_MESSAGE_BYTES_MIN - 1);
    expect(replica.knownLeader).toBe(0);
    hear(LONG_MESSAGE_BYTES_MIN);
    expect(replica.knownLeader).toBe(2);
    run();
    await store.close();
    replica.stop();
    const before = sent.length;
    hear(LONG_MESSAGE_BYTES_MIN);
    expect(sent).toHaveLength(before);
  });

  it('carries nothing further out where the outside stops it in the middle of a turn', async () => {
    const changes: string[] = [];
    const statusChanged = ({ role }: { readonly role: string }) => changes.push(role);
    const environment = { statusChanged, send: () => server.replica.stop() };
    const server = driven([1, 2, 3], { environment });
    server.timeOut();
    expect(server.replica.status().role).toBe('pre-candidate');
    expect([changes, server.turns]).toEqual([[], []]);
    await server.store.close();
  });
});

describe('a turn', () => {
  it('is asked for once by whatever comes, and needs no tick', async () => {
    const server = driven([1]);
    const { replica, turns, run } = server;
    await lead(server);
    run();
    const { sink } = sinkOf();
    const { lastIndex } = replica.status();
    for (const tag of [1, 2]) replica.submit(REGISTER, sink, tag);
    replica.lookup('k', sink, 3);
    expect(turns).toHaveLength(1);
    run();
    expect(replica.status().lastIndex).toBe(lastIndex + 2);
    replica.submit(REGISTER, sink, 4);
    expect(turns).toHaveLength(1);
    run();
    expect(replica.status().lastIndex).toBe(lastIndex + 3);
    replica.lookup('k', sink, 5);
    expect(turns).toHaveLength(1);
    run();
    await server.store.close();
  });

  it('does not begin within a turn', async () => {
    let isDraining = 0;
    let drains = 0;
    const counted = around((drain) => {
      drains++;
      return drain();
    });
    const send = () => {
      const before = drains;
      server.replica.tick();
      isDraining += drains - before;
    };
    const server = driven([1, 2, 3], { environment: { send } }, counted);
    server.timeOut();
    expect(drains).toBeGreaterThan(0);
    expect(isDraining).toBe(0);
    await server.store.close();
  });

  it('takes no entry but the next from its engine', async () => {
    let isSkipping = false;
    const marks: number[] = [];
    const skipping = around((drain) => {
      const output = drain();
      return isSkipping ? { ...output, committed: output.committed.slice(1) } : output;
    });
    const server = driven([1], { prepare: noting(marks) }, skipping);
    await lead(server);
    for (let i = 0; i < 5; i++) await server.step();
    isSkipping = true;
    const { sink } = sinkOf();
    for (const tag of [1, 2]) server.replica.submit(REGISTER, sink, tag);
    server.run();
    const { appliedIndex } = server.replica.status();
    const expected = `the engine hands out entry ${appliedIndex + 2} after ${appliedIndex};`;
    expect(() => server.replica.durable(marks.at(-1)!)).toThrow(expected);
    isSkipping = false;
    await server.store.close();
  });

  it('answers an operator once, though the engine said it twice', async () => {
    const twice = around((drain) => {
      const output = drain();
      return { ...output, requests: [...output.requests, ...output.requests] };
    });
    const server = driven([1], {}, twice);
    await lead(server);
    const results: unknown[] = [];
    server.replica.transferLeadership(1, (result) => results.push(result));
    for (let i = 0; i < 3; i++) await server.step();
    expect(results).toEqual([{ ok: true }]);
    await server.store.close();
  });
});

describe('snapshots of a replica', () => {
  it('are taken every so many applied entries, not before and not in between', async () => {
    const server = driven([1], { snapshotEveryEntries: 4 });
    const { replica, store } = server;
    await lead(server);
    const { sink, told } = sinkOf();
    const taken = new Set<number>();
    for (let tag = 1; tag <= 12; tag++) {
      replica.submit(REGISTER, sink, tag);
      for (let i = 0; i < 10; i++) await server.step();
      const { appliedIndex } = replica.status();
      const index = store.snapshot()?.index ?? 0;
      taken.add(index);
      expect(appliedIndex - index).toBeLessThan(4);
    }
    expect(told).toHaveLength(12);
    expect([...taken]).toEqual([0, 4, 8, 12]);
    await store.close();
  });

  it('that a leader sent take effect when they are durable themselves, not what was written before them', async () => {
    const marks: number[] = [];
    const restored: number[] = [];
    const server = driven([1, 2, 3], {
      environment: { restored: ({ index }) => restored.push(index) },
      prepare: noting(marks),
    });
    const { replica, store, run } = server;
    replica.receive(2, heartbeat({ term: 3, leader: 2 }));
    run();
    replica.receive(2, installSnapshot(3, 7, new KeyValueStore().snapshot()));
    run();
    expect(marks).toHaveLength(2);
    replica.durable(marks[0]!);
    expect([restored, replica.currentSnapshot()]).toEqual([[], undefined]);
    await store.close();
    expect(restored).toEqual([7]);
    expect(replica.currentSnapshot()).toMatchObject({ index: 7 });
  });
});
