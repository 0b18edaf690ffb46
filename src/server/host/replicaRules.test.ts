import { describe, expect, it } from 'vitest';
import { ChangeType, Role, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { encodeFence, NO_FENCES } from '../../wire/fence.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { SEQUENCE_AHEAD_MAX } from '../stateMachine/session.ts';
import { type DrivenOptions, drivenReplica } from './testing/drivenReplica.ts';
import { outputOf, ScriptedEngine } from './testing/scriptedEngine.ts';

const insert = (clientId: number, clientSeq: number) =>
  encodeCommand({ type: CommandType.Insert, clientId, clientSeq, key: 'k', value: 'v' });

/** A replica whose engine says what the test says, with what its clients were told. */
function scripted(options: Partial<DrivenOptions<string>> = {}) {
  const engine = new ScriptedEngine();
  const driven = drivenReplica(engine.kind, { bootstrap: [1, 2, 3], ...options });
  const told: string[] = [];
  const sink = {
    commandDone: (tag: number, { status }: { readonly status: string }) => told.push(`${tag} ${status}`),
    lookupDone: (tag: number, { status }: { readonly status: string }) => told.push(`${tag} ${status}`),
  };
  const submit = (command: Uint8Array, tag: number) => {
    driven.replica.submit(command, sink, tag);
    driven.run();
  };
  const say = (parts: Parameters<typeof outputOf>[0]) => {
    engine.outputs.push(outputOf(parts));
    driven.replica.tick();
    driven.run();
  };
  /** Entry 1, the session that the tests have, is applied. */
  const registered = () => {
    const entries = [new Entry(1, 1, EntryType.Normal, REGISTER_BYTES)];
    say({ persist: { mark: 1, entries, mustSync: true }, committed: entries });
    engine.standing = { ...engine.standing, lastIndex: 1 };
  };
  const confirm = (index: number) => say({ reads: [{ token: engine.reads.at(-1)!, ok: true, index }] });
  const proposed = () => engine.batches.flatMap(({ commands }) => commands);
  return { engine, ...driven, told, sink, submit, say, registered, confirm, proposed };
}

describe('a command that only a read can decide on', () => {
  it('of a session that is not known here yet is proposed where it is by the time of the read', () => {
    const { engine, told, submit, registered, confirm, proposed } = scripted();
    const command = insert(1, 1);
    submit(command, 1);
    expect([told, proposed(), engine.reads.length]).toEqual([[], [], 1]);
    confirm(1);
    expect([told, proposed()]).toEqual([[], []]);
    registered();
    expect([told, proposed()]).toEqual([[], [command]]);
  });

  it('of a session that is not known then either is refused, whatever stands in the log besides', () => {
    for (const lastIndex of [1, 9]) {
      const { engine, told, submit, registered, confirm, proposed } = scripted();
      registered();
      engine.standing = { ...engine.standing, lastIndex };
      submit(insert(7, 1), 1);
      confirm(1);
      expect([told, proposed()]).toEqual([['1 unknown-session'], []]);
    }
  });

  it('whose number is too far ahead passes only where an entry that is not applied may bring its session up', () => {
    const command = insert(1, SEQUENCE_AHEAD_MAX + 1);
    for (const lastIndex of [1, 2]) {
      const { engine, told, submit, registered, confirm, proposed } = scripted();
      registered();
      engine.standing = { ...engine.standing, lastIndex };
      submit(command, 1);
      expect([told, proposed(), engine.reads.length]).toEqual([[], [], 1]);
      confirm(1);
      expect([told, proposed()]).toEqual(lastIndex === 1 ? [['1 sequence-too-far'], []] : [[], [command]]);
    }
  });

  it('passes where nothing speaks against it any more, with entries that are not applied as well', () => {
    const { engine, told, submit, registered, confirm, proposed } = scripted();
    submit(insert(1, 1), 1);
    confirm(1);
    engine.standing = { ...engine.standing, lastIndex: 5 };
    registered();
    expect([told, proposed().length]).toEqual([[], 1]);
  });
});

describe('a replica that is stopped', () => {
  it('tells its engine nothing more', async () => {
    const { engine, replica, store, run } = scripted();
    replica.tick();
    replica.stop();
    engine.heard.length = 0;
    replica.tick();
    replica.receive(2, 'a message');
    replica.durable(0);
    replica.snapshotStored(0);
    run();
    expect(engine.heard).toEqual([]);
    await store.close();
  });

  it('in the middle of a turn answers operators once, though the engine had their answer', () => {
    const results: unknown[] = [];
    const { engine, replica, say, run } = scripted({ environment: { send: () => replica.stop() } });
    replica.reconfigure({ type: ChangeType.AddVoter, id: 4 }, (result) => results.push(result));
    run();
    say({ messages: [{ to: 2, message: 'm' }], requests: [{ token: engine.requests[0]!, ok: true }] });
    expect(results).toMatchObject([{ ok: false, reason: 'timeout' }]);
  });

  it('by a failure has answered everybody before anyone hears of that', () => {
    const seen: string[][] = [];
    const { replica, told, sink } = scripted({ failed: () => seen.push([...told]) });
    replica.submit(REGISTER_BYTES, sink, 1);
    replica.failed(new Error('the disk failed'));
    expect(seen).toEqual([['1 not-leader']]);
  });
});

describe('a turn that is cut short', () => {
  const other = encodeFence({ id: 1, instance: 'another' });

  it('by a fence in what it writes sends nothing of that, and carries out nothing that follows', () => {
    const failures: Error[] = [];
    const self = { instance: 'mine', admitted: 0 };
    const { engine, sent, say } = scripted({ self, failed: (error) => failures.push(error) });
    const entries = [new Entry(1, 1, EntryType.Normal, other)];
    engine.outputs.push(
      outputOf({ persist: { mark: 1, entries, mustSync: true }, messages: [{ to: 2, message: 'm' }] }),
    );
    say({ messages: [{ to: 2, message: 'later' }] });
    expect([sent, failures.map(({ name }) => name), engine.outputs.length]).toEqual([[], ['FencedError'], 1]);
  });

  it('by what is no broken rule says so to who called, and is no failure of the server', () => {
    const failures: Error[] = [];
    const send = () => {
      throw new RangeError('the network has a defect');
    };
    const { say, engine } = scripted({ environment: { send }, failed: (error) => failures.push(error) });
    expect(() => say({ messages: [{ to: 2, message: 'm' }] })).toThrow(RangeError);
    say({});
    expect([failures, engine.outputs]).toEqual([[], []]);
  });
});

describe('commands that are too much for one turn', () => {
  it('are proposed by the next ones, without a tick', () => {
    const { engine, replica, run, sink, stateMachine } = scripted();
    stateMachine.apply(new Entry(1, 1, EntryType.Normal, REGISTER_BYTES));
    for (const tag of [1, 2, 3]) {
      const value = 'v'.repeat(700_000);
      replica.submit(
        encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: tag, key: 'k', value }),
        sink,
        tag,
      );
    }
    run();
    expect(engine.batches.map(({ commands }) => commands.length)).toEqual([1, 1, 1]);
  });
});

describe('a snapshot that a replica takes', () => {
  it('is of what is applied and not of what is written, and leaves the entries in the log that followers may need', async () => {
    const { engine, store, turns, run, say } = scripted({ snapshotEveryEntries: 3, trailingEntries: 2 });
    const configurations = new Map([
      [4, simpleConfiguration([1, 2, 3, 4])],
      [6, simpleConfiguration([1])],
    ]);
    engine.configurationAt = (index = 6) => configurations.get(index) ?? simpleConfiguration([1, 2, 3]);
    const entries = [1, 2, 3, 4, 5, 6].map((index) => new Entry(index, index, EntryType.Normal, REGISTER_BYTES));
    say({ persist: { mark: 1, entries, mustSync: true }, committed: entries.slice(0, 4) });
    expect(store.snapshot()).toMatchObject({ index: 4, term: 4, configuration: configurations.get(4) });
    expect([store.firstIndex, store.lastIndex]).toEqual([3, 6]);
    // Its engine may forget then what came before, and is asked what it wants of that.
    while (!engine.heard.includes('snapshotStored 4')) await new Promise<void>((resolve) => setImmediate(resolve));
    run();
    expect([engine.isUnheeded, turns]).toEqual([false, []]);
  });

  it('is due as many entries after the last one, whatever was applied while that was written', async () => {
    const { engine, store, say } = scripted({ snapshotEveryEntries: 3 });
    const entries = [1, 2, 3, 4, 5, 6, 7].map((index) => new Entry(index, 1, EntryType.Normal, REGISTER_BYTES));
    say({ persist: { mark: 1, entries, mustSync: true }, committed: entries.slice(0, 4) });
    say({ committed: entries.slice(4, 6) });
    expect(store.snapshot()?.index).toBe(4);
    while (!engine.heard.includes('snapshotStored 4')) await new Promise<void>((resolve) => setImmediate(resolve));
    say({ committed: entries.slice(6) });
    expect(store.snapshot()?.index).toBe(7);
  });
});

describe('a snapshot that a leader sent', () => {
  it('is told of once it is in force: who is a member by it', async () => {
    const told: string[] = [];
    const { engine, say, run } = scripted({
      environment: { event: (event) => told.push(event), restored: () => told.push('restored') },
    });
    const configurationAt = (index = 0) => simpleConfiguration(index < 7 ? [1, 2, 3] : [1, 2, 4]);
    engine.configurationAt = configurationAt;
    const data = new KeyValueStore().snapshot();
    const snapshot = { index: 7, term: 1, configuration: configurationAt(7), content: new MemoryContent(data) };
    say({ persist: { mark: 1, entries: [], snapshot, mustSync: true }, restore: snapshot });
    expect(told).toEqual([]);
    while (engine.durableMark === 0) await new Promise<void>((resolve) => setImmediate(resolve));
    run();
    expect(told).toEqual(['restored', 'added', 'removed']);
    expect(engine.appliedIndex).toBe(7);
  });

  it('hides no mistake of a state machine that is not in its bytes', () => {
    const data = new KeyValueStore().snapshot();
    const stored = {
      index: 7,
      term: 1,
      configuration: simpleConfiguration([1, 2, 3]),
      content: new MemoryContent(data),
    };
    const prepare = (store: object) => Object.assign(store, { snapshot: () => stored });
    const stateMachine = new KeyValueStore();
    stateMachine.beginRestore = () => {
      throw new TypeError('a defect');
    };
    expect(() => scripted({ prepare, stateMachine })).toThrow(TypeError);
  });
});

describe('a turn that applies much', () => {
  const entryOf = (index: number, mebibytes: number) =>
    new Entry(index, 1, EntryType.Internal, new Uint8Array(mebibytes * 1024 * 1024));

  it('lets input and output through once it has applied 8 MiB, and goes on by itself', () => {
    const { engine, replica, run } = scripted();
    for (let index = 1; index <= 6; index++) engine.outputs.push(outputOf({ committed: [entryOf(index, 4)] }));
    replica.tick();
    expect(engine.outputs).toHaveLength(4);
    run();
    expect([engine.outputs, engine.appliedIndex]).toEqual([[], 6]);
  });

  it('counts what was applied in that turn, not in those before it', () => {
    const { engine, replica } = scripted();
    engine.outputs.push(outputOf({ committed: [entryOf(1, 9)] }));
    replica.tick();
    for (let i = 0; i < 3; i++) engine.outputs.push(outputOf({ messages: [{ to: 2, message: `${i}` }] }));
    replica.tick();
    expect(engine.outputs).toEqual([]);
  });
});

describe('what a replica knows of its cluster', () => {
  it('is known before its first turn, and is no change then', () => {
    const engine = new ScriptedEngine();
    engine.standing = { role: Role.Follower, term: 3, leader: 2, lastIndex: 0 };
    const changes: unknown[] = [];
    const environment = { statusChanged: (status: unknown) => changes.push(status) };
    const { replica, run } = drivenReplica(engine.kind, { bootstrap: [1, 2, 3], environment });
    expect([replica.leads, replica.knownLeader]).toEqual([false, 2]);
    replica.tick();
    run();
    expect(changes).toEqual([]);
  });

  it('are the fences of a snapshot that its leader sent, once it has asked for them before', async () => {
    const { engine, replica, store, say, stateMachine } = scripted();
    expect(replica.fences).toBe(NO_FENCES);
    const source = new KeyValueStore();
    source.apply(new Entry(4, 1, EntryType.Normal, encodeFence({ id: 3, instance: 'named' })));
    const configuration = engine.configurationAt();
    const snapshot = { index: 7, term: 1, configuration, content: new MemoryContent(source.snapshot()) };
    say({ persist: { mark: 1, snapshot, entries: [], mustSync: true }, restore: snapshot });
    const expected = new Map([[3, { index: 4, instance: 'named' }]]);
    expect(replica.fences).toEqual(expected);
    await store.close();
    expect(stateMachine.fences).toEqual(expected);
    expect(replica.fences).toEqual(expected);
  });
});

describe('commands that are refused for want of room', () => {
  it('are answered with why while this server leads, and the other servers’ clients are sent to the leader', () => {
    const { engine, replica, told, submit, registered, say, proposed } = scripted();
    registered();
    replica.refuseCommands('no room');
    engine.standing = { ...engine.standing, role: Role.Follower };
    say({});
    submit(insert(1, 1), 1);
    // Of a follower the engine says who leads.
    expect([told, proposed().length]).toEqual([[], 1]);
    engine.standing = { ...engine.standing, role: Role.Leader };
    say({});
    submit(insert(1, 2), 2);
    submit(insert(1, 3), 3);
    expect([told, proposed().length]).toEqual([['2 disk-full', '3 disk-full'], 1]);
    expect(replica.refusedCount).toBe(2);
    replica.refuseCommands(undefined);
    submit(insert(1, 2), 4);
    expect([told.length, proposed().length]).toEqual([2, 2]);
  });

  it('were taken before: what is in the log is applied and answered, and lookups are', () => {
    const { engine, replica, told, sink, submit, registered, say, confirm } = scripted();
    registered();
    engine.standing = { ...engine.standing, role: Role.Leader };
    say({});
    submit(insert(1, 1), 1);
    const { token } = engine.batches.at(-1)!;
    replica.refuseCommands('no room');
    say({ accepted: [{ token, offset: 0, count: 1, firstIndex: 2, term: 1 }] });
    const entries = [new Entry(2, 1, EntryType.Normal, insert(1, 1))];
    say({ persist: { mark: 2, entries, mustSync: true }, committed: entries });
    replica.lookup('k', sink, 2);
    say({});
    confirm(2);
    expect(told).toEqual(['1 ok', '2 ok']);
  });
});

describe('what members read of promises', () => {
  it('is said to the engine before anything else, and at every tick, of all who are members', () => {
    const asked: number[][] = [];
    const reads = { isSo: false };
    const { engine, say } = scripted({
      environment: {
        promisesAreRead: (members) => {
          asked.push([...members]);
          return reads.isSo;
        },
      },
    });
    expect([engine.promises, asked]).toEqual([[false], [[1, 2, 3]]]);
    reads.isSo = true;
    say({});
    expect(engine.promises).toEqual([false, true]);
  });

  it('is not where nobody knows versions: engines take it that all read them', () => {
    const { engine, say } = scripted();
    say({});
    expect(engine.promises).toEqual([]);
  });
});
