import { describe, expect, it } from 'vitest';
import { type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import type { StateCopy } from './snapshotTaking.ts';
import { drivenReplica } from './testing/drivenReplica.ts';
import { outputOf, ScriptedEngine } from './testing/scriptedEngine.ts';

const EVERY = 20;

/** Entry 1 is a session; each that follows writes one of seven keys, with values of other lengths each time. */
function entryAt(index: number): Entry {
  if (index === 1) return new Entry(1, 1, EntryType.Normal, REGISTER_BYTES);
  const value = `${index} `.repeat(1 + ((index * 7) % 11));
  const command = { type: CommandType.Insert, clientId: 1, clientSeq: index - 1, key: `key ${index % 7}`, value };
  return new Entry(index, 1, EntryType.Normal, encodeCommand(command));
}

/** The state as of the entry, put together at once. */
function stateAt(index: number): Uint8Array {
  const store = new KeyValueStore();
  for (let each = 1; each <= index; each++) store.apply(entryAt(each));
  return store.snapshot();
}

const snapshotAt = (index: number): Snapshot => ({
  index,
  term: 1,
  configuration: simpleConfiguration([1, 2, 3]),
  content: new MemoryContent(stateAt(index)),
});

/** A replica that reads ten bytes of a snapshot a turn. */
function sliced() {
  const engine = new ScriptedEngine();
  const stored: Snapshot[] = [];
  const restored: number[] = [];
  const driven = drivenReplica(engine.kind, {
    bootstrap: [1, 2, 3],
    snapshotEveryEntries: EVERY,
    snapshotBytesPerTurn: 10,
    environment: { restored: ({ index }) => restored.push(index) },
    prepare: (store) => {
      const storeSnapshot = store.storeSnapshot.bind(store);
      store.storeSnapshot = (snapshot, trailing) => {
        stored.push(snapshot);
        storeSnapshot(snapshot, trailing);
      };
    },
  });
  let mark = 0;
  /** One turn each, with nothing of what they woke. */
  const apply = (from: number, to: number) => {
    for (let index = from; index <= to; index++) {
      const entries = [entryAt(index)];
      engine.outputs.push(outputOf({ persist: { mark: ++mark, entries, mustSync: true }, committed: entries }));
      driven.replica.tick();
    }
  };
  const install = async (snapshot: Snapshot) => {
    engine.outputs.push(
      outputOf({ persist: { mark: ++mark, entries: [], snapshot, mustSync: true }, restore: snapshot }),
    );
    driven.replica.tick();
    while (engine.durableMark < mark) await new Promise<void>((resolve) => setImmediate(resolve));
  };
  return { engine, ...driven, stored, restored, apply, install };
}

describe('a snapshot that is taken over many turns', () => {
  it('holds the state of its index, whatever is applied until it is whole', () => {
    const { stored, apply, run, stateMachine } = sliced();
    apply(1, EVERY);
    apply(EVERY + 1, 2 * EVERY - 1);
    expect(stored).toEqual([]);
    run();
    expect(stored.map(({ index }) => index)).toEqual([EVERY]);
    expect(contentBytes(stored[0]!.content)).toEqual(stateAt(EVERY));
    expect(stateMachine.snapshot()).toEqual(stateAt(2 * EVERY - 1));
  });

  it('goes on by itself where nothing else happens', () => {
    const { stored, apply, run } = sliced();
    apply(1, EVERY);
    run();
    expect(stored.map(({ index }) => index)).toEqual([EVERY]);
  });

  it('is given up where one that a leader sent takes its place, and the next is taken', async () => {
    const { stored, restored, apply, install, run, stateMachine } = sliced();
    apply(1, EVERY);
    await install(snapshotAt(EVERY + 5));
    run();
    expect([stored, restored]).toEqual([[], [EVERY + 5]]);
    apply(EVERY + 6, 2 * EVERY);
    run();
    expect(stored.map(({ index }) => index)).toEqual([2 * EVERY]);
    expect(contentBytes(stored[0]!.content)).toEqual(stateAt(2 * EVERY));
    expect(stateMachine.snapshot()).toEqual(stateAt(2 * EVERY));
  });
});

describe('the state that somebody else reads', () => {
  /** The rest of it, a few bytes at a time. */
  const readAll = (copy: StateCopy, whole = Buffer.alloc(copy.size)): Uint8Array => {
    for (let at = 0; at < whole.length; ) {
      const piece = whole.subarray(at, at + 7);
      expect(copy.read(piece)).toBe(piece.length);
      at += piece.length;
    }
    copy.close();
    return new Uint8Array(whole);
  };

  it('is that of the moment at which it was opened, whatever is applied until it is read', () => {
    const { replica, apply } = sliced();
    apply(1, 9);
    const copy = replica.openCopy()!;
    expect(copy.place).toMatchObject({ index: 9, term: 1, configuration: simpleConfiguration([1, 2, 3]) });
    apply(10, 15);
    expect(readAll(copy)).toEqual(stateAt(9));
  });

  it('is read by one at a time, and not while the server reads it for itself', () => {
    const { replica, apply, run, stored } = sliced();
    apply(1, 3);
    const first = replica.openCopy()!;
    expect(replica.openCopy()).toBeUndefined();
    first.close();
    const second = replica.openCopy()!;
    second.close();
    apply(4, EVERY);
    expect(replica.openCopy()).toBeUndefined();
    run();
    expect(stored).toHaveLength(1);
    expect(readAll(replica.openCopy()!)).toEqual(stateAt(EVERY));
  });

  it('keeps the server from a snapshot of its own, for as many entries again as there are between two', () => {
    const { replica, apply, run, stored } = sliced();
    apply(1, 5);
    const copy = replica.openCopy()!;
    apply(6, 2 * EVERY - 1);
    run();
    expect([copy.isOpen, stored]).toEqual([true, []]);
    apply(2 * EVERY, 2 * EVERY);
    run();
    expect(copy.isOpen).toBe(false);
    expect(stored.map(({ index, content }) => [index, contentBytes(content)])).toEqual([
      [2 * EVERY, stateAt(2 * EVERY)],
    ]);
    expect(replica.openCopy()).toBeDefined();
  });

  it('lets the server take its own as soon as it is read', () => {
    const { replica, apply, run, stored } = sliced();
    apply(1, 5);
    const copy = replica.openCopy()!;
    apply(6, EVERY + 3);
    expect(readAll(copy)).toEqual(stateAt(5));
    apply(EVERY + 4, EVERY + 4);
    run();
    expect(stored.map(({ index }) => index)).toEqual([EVERY + 4]);
  });

  it('is not read on where a snapshot takes its place, nor opened while that is read', async () => {
    const { replica, apply, install, run, restored } = sliced();
    apply(1, 5);
    const copy = replica.openCopy()!;
    await install(snapshotAt(9));
    expect(copy.isOpen).toBe(false);
    expect(replica.openCopy()).toBeUndefined();
    run();
    expect(restored).toEqual([9]);
    expect(readAll(replica.openCopy()!)).toEqual(stateAt(9));
  });

  it('makes room for a server that waits for the state to take part, and is not opened while that is read', () => {
    const { replica, apply, run } = sliced();
    apply(1, 9);
    const copy = replica.openCopy()!;
    const got: (Snapshot | undefined)[] = [];
    replica.readState((state) => got.push(state));
    expect([copy.isOpen, replica.openCopy(), got]).toEqual([false, undefined, []]);
    run();
    expect(contentBytes(got[0]!.content)).toEqual(stateAt(9));
    expect(readAll(replica.openCopy()!)).toEqual(stateAt(9));
  });
});

describe('a snapshot that a leader sent and that is read over many turns', () => {
  it('is in force once all of it is read, and what is committed meanwhile is applied after it', async () => {
    const { engine, restored, apply, install, run, stateMachine, replica } = sliced();
    apply(1, 3);
    await install(snapshotAt(9));
    apply(10, 11);
    expect([restored, engine.appliedIndex, replica.currentSnapshot()]).toEqual([[], 3, undefined]);
    expect(stateMachine.snapshot()).toEqual(stateAt(3));
    run();
    expect([restored, engine.appliedIndex]).toEqual([[9], 11]);
    expect(stateMachine.snapshot()).toEqual(stateAt(11));
    expect(replica.currentSnapshot()?.index).toBe(11);
  });

  it('and then a part each turn, behind which waits what is committed since', async () => {
    const { engine, restored, apply, install, run, stateMachine, replica } = sliced();
    await install(snapshotAt(9));
    apply(10, 14);
    const seen: number[] = [];
    while (restored.length === 0) replica.tick();
    // Ten bytes are less than an entry.
    expect(engine.appliedIndex).toBe(10);
    for (let index = 15; index <= 18; index++) {
      apply(index, index);
      seen.push(engine.appliedIndex);
      expect(stateMachine.snapshot()).toEqual(stateAt(engine.appliedIndex));
      expect(replica.currentSnapshot()?.index).toBe(engine.appliedIndex);
    }
    expect(seen).toEqual([11, 12, 13, 14]);
    run();
    expect(engine.appliedIndex).toBe(18);
    expect(stateMachine.snapshot()).toEqual(stateAt(18));
    apply(19, 19);
    expect(engine.appliedIndex).toBe(19);
  });

  it('of which nothing is applied once a later one takes its place', async () => {
    const { engine, restored, apply, install, run, stateMachine, replica } = sliced();
    await install(snapshotAt(9));
    apply(10, 14);
    while (restored.length === 0) replica.tick();
    expect(engine.appliedIndex).toBe(10);
    await install(snapshotAt(20));
    apply(21, 22);
    run();
    expect([restored, engine.appliedIndex]).toEqual([[9, 20], 22]);
    expect(stateMachine.snapshot()).toEqual(stateAt(22));
  });

  it('gives way to a later one', async () => {
    const { restored, install, run, stateMachine } = sliced();
    await install(snapshotAt(9));
    await install(snapshotAt(15));
    run();
    expect(restored).toEqual([15]);
    expect(stateMachine.snapshot()).toEqual(stateAt(15));
  });
});

describe('a state that is read for somebody else over many turns', () => {
  const reading = (replica: ReturnType<typeof sliced>['replica']) => {
    const got: (Snapshot | undefined)[] = [];
    replica.readState((state) => got.push(state));
    return got;
  };

  it('is that of when it was asked for, whatever is applied until it is whole, and is not read in one turn', () => {
    const { apply, run, replica, stateMachine } = sliced();
    apply(1, 9);
    const got = reading(replica);
    expect(got).toEqual([]);
    apply(10, 12);
    expect(got).toEqual([]);
    run();
    expect(got.map((state) => [state?.index, state?.term])).toEqual([[9, 1]]);
    expect(contentBytes(got[0]!.content)).toEqual(stateAt(9));
    expect(stateMachine.snapshot()).toEqual(stateAt(12));
  });

  it('takes the place of a snapshot of its own that is due', () => {
    const { apply, run, replica, stored } = sliced();
    apply(1, EVERY);
    const got = reading(replica);
    apply(EVERY + 1, EVERY + 3);
    run();
    expect(got.map((state) => state?.index)).toEqual([EVERY]);
    expect(contentBytes(got[0]!.content)).toEqual(stateAt(EVERY));
    expect(stored).toEqual(got);
  });

  it('goes before a snapshot of its own that was not due yet when it was asked for', () => {
    const { apply, run, replica, stored } = sliced();
    apply(1, EVERY - 1);
    const got = reading(replica);
    apply(EVERY, EVERY + 1);
    run();
    expect(got.map((state) => state?.index)).toEqual([EVERY - 1]);
    expect(stored.map(({ index }) => index)).toEqual([EVERY + 1]);
  });

  it('asked for again as soon as it was there, kept the server from a snapshot of its own for ever', () => {
    const { apply, replica, stored } = sliced();
    let times = 0;
    const ask = () => replica.readState(() => times++);
    for (let index = 1; index <= 5 * EVERY; index++) {
      apply(index, index);
      if (index % 2 === 0) ask();
    }
    expect(times).toBeGreaterThan(5);
    expect(stored.length).toBeGreaterThan(0);
    for (const { index, content } of stored) expect(contentBytes(content)).toEqual(stateAt(index));
  });

  it('is one at a time, and none while another one is restored, or once that is', async () => {
    const { apply, run, replica, install, restored } = sliced();
    apply(1, 5);
    const first = reading(replica);
    expect(reading(replica)).toEqual([undefined]);
    await install(snapshotAt(9));
    expect(first).toEqual([undefined]);
    expect(reading(replica)).toEqual([undefined]);
    run();
    expect(restored).toEqual([9]);
    const last = reading(replica);
    run();
    expect(contentBytes(last[0]!.content)).toEqual(stateAt(9));
  });

  it('and is there at once where it is small', () => {
    const engine = new ScriptedEngine();
    const { replica } = drivenReplica(engine.kind, { bootstrap: [1, 2, 3], snapshotEveryEntries: EVERY });
    expect(reading(replica).map((state) => state?.index)).toEqual([0]);
  });
});
