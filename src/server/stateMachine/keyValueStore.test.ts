import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../bytes/byteWriter.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { type Command, CommandType, encodeCommand } from '../../wire/command.ts';
import { scanCommand } from '../../wire/commandScan.ts';
import { encodeFence } from '../../wire/fence.ts';
import { SEQUENCE_WINDOW } from '../../wire/limits.ts';
import { MalformedSnapshotError } from '../host/stateMachine.ts';
import { KeyValueStore } from './keyValueStore.ts';
import { SEQUENCE_AHEAD_MAX } from './session.ts';
import { SESSION_LIMITS } from './sessionTable.ts';
import { checkSnapshot as checkContent, fencesOf as fencesIn } from './snapshotReader.ts';

const checkSnapshot = (bytes: Uint8Array) => checkContent(new MemoryContent(bytes));
const fencesOf = (bytes: Uint8Array) => fencesIn(new MemoryContent(bytes));

import { BLOCK_NUMBERS } from './sparseNumbers.ts';

const entryOf = (index: number, data: Uint8Array) => new Entry(index, 1, EntryType.Normal, data);
const register = (store: KeyValueStore, index: number) => store.apply(entryOf(index, new Uint8Array(0)));

function insert(store: KeyValueStore, clientId: number, clientSeq: number, key: string, value: string, index = 100) {
  return store.apply(entryOf(index, encodeCommand({ type: CommandType.Insert, clientId, clientSeq, key, value })));
}

/** A log in which two sessions insert, now and then twice or out of order, among commands that are refused. */
const commands: fc.Arbitrary<readonly Command[]> = fc.array(
  fc.oneof(
    fc.constant({ type: CommandType.Register }),
    fc.record({
      type: fc.constant(CommandType.Insert),
      clientId: fc.integer({ min: 1, max: 6 }),
      clientSeq: fc.integer({ min: 0, max: 12 }),
      key: fc.string({ unit: 'grapheme', maxLength: 3 }),
      value: fc.string({ unit: 'grapheme', maxLength: 8 }),
    }),
  ),
  { maxLength: 60 },
);

/** Numbers up to 12 as such that are given up, that stand in several blocks, or are too far ahead. */
const FAR_APART = [0, 1, 2, 3, 4, BLOCK_NUMBERS - 1, BLOCK_NUMBERS, BLOCK_NUMBERS + 1].concat(
  [-1, 0, 1, 2].map((offset) => SEQUENCE_WINDOW + offset),
  SEQUENCE_AHEAD_MAX + 2,
);
const farApart = (log: readonly Command[]) =>
  log.map((each) => (each.type === CommandType.Insert ? { ...each, clientSeq: FAR_APART[each.clientSeq]! } : each));

function storeOf(log: readonly Command[]): KeyValueStore {
  const store = new KeyValueStore();
  for (const [i, command] of log.entries()) store.apply(entryOf(i + 1, encodeCommand(command)));
  return store;
}

/** Whether a session's number is applied: another insert under it changes nothing. */
function isApplied(log: readonly Command[], clientId: number, clientSeq: number): boolean {
  const store = storeOf(log);
  insert(store, clientId, clientSeq, 'another key', 'v', log.length + 1);
  return store.get('another key') === undefined;
}

describe('the key-value store', () => {
  it('hands out sessions named after their entries', () => {
    const store = new KeyValueStore();
    expect(register(store, 17)).toEqual({ status: 'ok', clientId: 17 });
    expect(register(store, 18)).toEqual({ status: 'ok', clientId: 18 });
    expect(store.sessionCount).toBe(2);
  });

  it('applies each command once: a retry is acknowledged and changes nothing', () => {
    const store = new KeyValueStore();
    register(store, 1);
    expect(insert(store, 1, 1, 'a', 'first').status).toBe('ok');
    expect(insert(store, 1, 2, 'a', 'second').status).toBe('ok');
    expect(insert(store, 1, 1, 'a', 'first').status).toBe('ok');
    expect(store.get('a')).toBe('second');
    expect(store.get('b')).toBeUndefined();
  });

  it('finds what the Go client inserted, from 2 on and out of order', () => {
    const store = new KeyValueStore();
    register(store, 1);
    for (const seq of [3, 2, 5, 4, 6]) expect(insert(store, 1, seq, `k${seq}`, `${seq}`).status).toBe('ok');
    expect([2, 3, 4, 5, 6].map((seq) => store.get(`k${seq}`))).toEqual(['2', '3', '4', '5', '6']);
  });

  it('applies what a simple model applies', () => {
    fc.assert(
      fc.property(commands, (log) => {
        const values = new Map<string, string>();
        const sessions = new Map<number, Set<number>>();
        for (const [i, command] of log.entries()) {
          if (command.type === CommandType.Register) sessions.set(i + 1, new Set());
          if (command.type !== CommandType.Insert || command.key === '' || command.clientSeq === 0) continue;
          const applied = sessions.get(command.clientId);
          if (applied === undefined || applied.has(command.clientSeq)) continue;
          applied.add(command.clientSeq);
          values.set(command.key, command.value);
        }
        const store = storeOf(log);
        expect([store.keyCount, store.sessionCount]).toEqual([values.size, sessions.size]);
        for (const [key, value] of values) expect(store.get(key)).toBe(value);
      }),
    );
  });
});

describe('a value that is looked up', () => {
  it('is in UTF-8, byte for byte what was inserted', () => {
    const store = new KeyValueStore();
    register(store, 1);
    let seq = 0;
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.string({ unit: 'binary' }), (key, value) => {
        insert(store, 1, ++seq, key, value);
        expect(Buffer.from(store.lookup(key)!).equals(Buffer.from(value))).toBe(true);
        expect(store.get(key)).toBe(value);
      }),
    );
  });
});

describe('a session that is used', () => {
  const limits = { ...SESSION_LIMITS, sessionsMax: 2, unusedIdleEntries: 2, usedIdleEntries: 10 };

  it('is kept by a command that is there already, and by none that is refused', () => {
    const uses: [number, string][] = [
      [1, 'ok'],
      [SEQUENCE_AHEAD_MAX + 9, 'sequence-too-far'],
    ];
    for (const [clientSeq, status] of uses) {
      const store = new KeyValueStore(limits);
      for (const id of [1, 2]) register(store, id);
      insert(store, 1, 1, 'a', 'v', 3);
      insert(store, 2, 1, 'a', 'v', 18);
      expect(insert(store, 1, clientSeq, 'a', 'v', 19).status).toBe(status);
      expect(register(store, 20).status).toBe(status === 'ok' ? 'too-many-sessions' : 'ok');
      expect(insert(store, 1, 2, 'a', 'v', 21).status).toBe(status === 'ok' ? 'ok' : 'unknown-session');
    }
  });

  it('is as old as it was where it is restored', () => {
    const store = new KeyValueStore(limits);
    for (const id of [1, 2]) register(store, id);
    insert(store, 2, 1, 'a', 'v', 3);
    insert(store, 1, 1, 'a', 'v', 9);
    const restored = new KeyValueStore(limits);
    restored.restore(store.snapshot());
    for (const each of [store, restored]) {
      expect(register(each, 12).status).toBe('too-many-sessions');
      expect(register(each, 13).status).toBe('ok');
      expect(insert(each, 2, 2, 'a', 'v', 14).status).toBe('unknown-session');
      expect(insert(each, 1, 2, 'a', 'v', 14).status).toBe('ok');
    }
    expect(restored.snapshot()).toEqual(store.snapshot());
  });
});

describe('a command that cannot be applied is answered, and changes nothing:', () => {
  it.each([
    ['an unknown session', { clientId: 9, clientSeq: 1, key: 'a', status: 'unknown-session', detail: 'no session 9' }],
    ['an empty key', { clientId: 1, clientSeq: 1, key: '', status: 'invalid', detail: 'the key is empty' }],
    ['number 0', { clientId: 1, clientSeq: 0, key: 'a', status: 'invalid', detail: 'start at 1' }],
    [
      'a number too far ahead',
      { clientId: 1, clientSeq: SEQUENCE_AHEAD_MAX + 1, key: 'a', status: 'sequence-too-far', detail: 'too far ahead' },
    ],
  ])('%s', (_, { clientId, clientSeq, key, status, detail }) => {
    const store = new KeyValueStore();
    register(store, 1);
    const before = store.snapshot();
    const result = insert(store, clientId, clientSeq, key, 'x');
    expect(result).toMatchObject({ status, detail: expect.stringContaining(detail) });
    expect(store.snapshot()).toEqual(before);
  });

  it('a number below a gap that was given up', () => {
    const store = new KeyValueStore({ ...SESSION_LIMITS, sequenceWindow: 4096 });
    register(store, 1);
    for (let seq = 2; seq < 5000; seq++) insert(store, 1, seq, 'a', `${seq}`);
    expect(insert(store, 1, 1, 'a', 'late')).toMatchObject({
      status: 'sequence-too-old',
      detail: 'clientSeq 1 of session 1 is too old: numbers up to 1 are forgotten',
    });
    expect(store.get('a')).toBe('4999');
  });

  it('no number that others only left far behind', () => {
    const store = new KeyValueStore();
    register(store, 1);
    for (let seq = 2; seq < 100_000; seq++) if (seq % 3 > 0) insert(store, 1, seq, 'a', `${seq}`);
    const restored = new KeyValueStore();
    restored.restore(store.snapshot());
    for (const each of [store, restored]) {
      for (const seq of [1, 3, 99_999]) expect(insert(each, 1, seq, 'a', `late ${seq}`).status).toBe('ok');
      expect(each.get('a')).toBe('late 99999');
      expect(insert(each, 1, 99_998, 'a', 'again').status).toBe('ok');
      expect(each.get('a')).toBe('late 99999');
    }
    expect(restored.snapshot()).toEqual(store.snapshot());
    expect(store.snapshot().length).toBeLessThan(100_000 / 8 + 200);
  });

  it('a lookup in the log', () => {
    const lookup = encodeCommand({ type: CommandType.Lookup, key: 'a' });
    expect(new KeyValueStore().apply(entryOf(1, lookup)).status).toBe('invalid');
  });

  it('garbage', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), (garbage) => {
        const store = new KeyValueStore();
        const { status } = store.apply(entryOf(1, garbage));
        expect(['invalid', 'unknown-session', 'ok']).toContain(status);
        expect(store.keyCount).toBe(0);
      }),
      { numRuns: 1000 },
    );
    expect(new KeyValueStore().apply(entryOf(1, Uint8Array.of(0x08, 7)))).toMatchObject({
      status: 'invalid',
      detail: expect.stringContaining('command type 7'),
    });
  });

  it('but an entry that is not a command is a mistake of the host', () => {
    const noop = new Entry(3, 1, EntryType.Internal, new Uint8Array(0));
    expect(() => new KeyValueStore().apply(noop)).toThrow('entry 3 has type 0, expected Normal');
  });
});

describe('what is foreseen of a command before it enters the log', () => {
  const foreseeable = fc.oneof(
    { weight: 6, arbitrary: commands.filter((all) => all.length > 0).map((all) => encodeCommand(all[0]!)) },
    fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: -2, max: 14 })).map(([clientId, ahead]) =>
      encodeCommand({
        type: CommandType.Insert,
        clientId,
        clientSeq: SEQUENCE_AHEAD_MAX + ahead,
        key: 'k',
        value: '',
      }),
    ),
    fc
      .integer({ min: 50, max: 70 })
      .map((clientId) => encodeCommand({ type: CommandType.Insert, clientId, clientSeq: 1, key: 'k', value: '' })),
    fc.constant(encodeCommand({ type: CommandType.Lookup, key: 'k' })),
    fc.uint8Array({ minLength: 1, maxLength: 6 }),
  );

  it('is what applying it says, there or later, and where that could change it is left open', () => {
    fc.assert(
      fc.property(commands, fc.array(foreseeable, { maxLength: 10 }), commands, (before, candidates, after) => {
        const store = storeOf(before);
        for (const command of candidates) {
          const [foreseen, current] = [false, true].map((isCurrent) =>
            store.foresee(command, before.length, isCurrent),
          );
          const result = storeOf(before).apply(entryOf(before.length + 1, command));
          const { type, clientId = 0, clientSeq = 0 } = scanCommand(command) ?? {};
          const isCertain =
            result.status !== 'ok' || (type === CommandType.Insert && isApplied(before, clientId, clientSeq));
          expect(current).toEqual(isCertain ? result : undefined);
          const isOpen =
            result.status === 'sequence-too-far' || (result.status === 'unknown-session' && clientId > before.length);
          expect(foreseen).toEqual(isOpen ? 'undecided' : current);
          if (isOpen || current === undefined) continue;
          const later = storeOf([...before, ...after]);
          expect(later.apply(entryOf(before.length + after.length + 1, command)).status).toBe(result.status);
        }
      }),
      { numRuns: 100 },
    );
  });

  it('is that a number below a gap that was given up is too old', () => {
    const sequenceWindow = 16;
    const store = new KeyValueStore({ ...SESSION_LIMITS, sequenceWindow });
    register(store, 1);
    const last = sequenceWindow + 2;
    for (let seq = 2; seq <= last; seq++) insert(store, 1, seq, 'a', 'b');
    for (const isCurrent of [false, true]) {
      const foreseen = (clientSeq: number) =>
        store.foresee(
          encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq, key: 'a', value: 'b' }),
          last,
          isCurrent,
        );
      expect(foreseen(1)).toMatchObject({ status: 'sequence-too-old' });
      expect([2, last].map(foreseen)).toEqual([
        { status: 'ok', clientId: 0 },
        { status: 'ok', clientId: 0 },
      ]);
      expect(foreseen(last + 1)).toBeUndefined();
    }
  });

  it('is that a number is applied, be it above a gap or below, and not what may yet fill the gap', () => {
    const store = new KeyValueStore();
    register(store, 1);
    for (const seq of [1, 2, 5, 7]) insert(store, 1, seq, 'a', 'b');
    const foreseen = (clientSeq: number) =>
      store.foresee(
        encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq, key: 'c', value: 'd' }),
        5,
        false,
      );
    const answered = [1, 2, 3, 4, 5, 6, 7, 8].filter((seq) => foreseen(seq) !== undefined);
    expect(answered).toEqual([1, 2, 5, 7]);
  });

  it('is nothing of a registration, be there room or not', () => {
    const store = new KeyValueStore({ ...SESSION_LIMITS, sessionsMax: 1 });
    register(store, 1);
    expect(register(store, 2).status).toBe('too-many-sessions');
    expect(store.foresee(new Uint8Array(0), 2, true)).toBeUndefined();
  });
});

describe('snapshots', () => {
  it('are the bytes that they were when the state was a Map of strings, and those are restored', () => {
    const store = new KeyValueStore();
    for (const id of [1, 2]) register(store, id);
    store.apply(entryOf(3, encodeFence({ id: 2, instance: 'first' })));
    insert(store, 1, 1, 'b', '1', 4);
    insert(store, 1, 2, 'a', 'ééé', 5);
    insert(store, 1, 5, 'b', 'longer than it was', 6);
    insert(store, 2, 1, '', 'x', 7);
    insert(store, 1, 3, 'c', '', 8);
    const before =
      '04010203056669727374010108000301000120020203030162126c6f6e676572207468616e20697420776173016106c3a9c3a9c3a9016300';
    expect(Buffer.from(store.snapshot()).toString('hex')).toBe(before);
    const restored = new KeyValueStore();
    restored.restore(Buffer.from(before, 'hex'));
    expect(['a', 'b', 'c', 'd'].map((key) => restored.get(key))).toEqual(['ééé', 'longer than it was', '', undefined]);
    expect(Buffer.from(restored.snapshot()).toString('hex')).toBe(before);
  });

  it('that hold a key or a value that is no text are refused: no answer could carry it', () => {
    for (const bytes of [Uint8Array.of(4, 0, 0, 0, 1, 1, 0xff, 0), Uint8Array.of(4, 0, 0, 0, 1, 1, 97, 1, 0xff)]) {
      expect(() => checkSnapshot(bytes)).toThrow(MalformedSnapshotError);
      expect(() => new KeyValueStore().restore(bytes)).toThrow('not valid UTF-8');
    }
  });

  it('that say that a session was used which was not are refused: it would be forgotten with the wrong ones', () => {
    // Version, fences, used sessions: id 5, never used.
    const bytes = Uint8Array.of(4, 0, 1, 5, 0, 0, 0, 0, 0, 0);
    for (const read of [checkSnapshot, (each: Uint8Array) => new KeyValueStore().restore(each)]) {
      expect(() => read(bytes)).toThrow(MalformedSnapshotError);
      expect(() => read(bytes)).toThrow('session 5 stands among the used ones');
    }
    bytes[4] = 1;
    checkSnapshot(bytes);
  });

  it('that have a number above a gap which is none are refused: what comes next would not be applied', () => {
    // Session 5, last used at 1, with floor 0 and mark 2; one block of numbers, of one byte.
    const above = (bits: number) => Uint8Array.of(4, 0, 1, 5, 1, 0, 2, 1, 0, 1, bits, 0, 0);
    checkSnapshot(above(0b10000));
    for (const bits of [0b1000, 0b11000, 0b10010])
      expect(() => checkSnapshot(above(bits))).toThrow(MalformedSnapshotError);
  });

  it('that have numbers where no session comes to are refused', () => {
    // Session 5, last used at 1; one block of one number.
    const session = (floor: number, mark: number, above: number) => {
      const out = new ByteWriter();
      for (const each of [4, 0, 1, 5, 1, floor, mark, 1, Math.floor(above / BLOCK_NUMBERS)]) out.varint(each);
      const bits = new Uint8Array(Math.floor((above % BLOCK_NUMBERS) / 8) + 1);
      bits[bits.length - 1] = 1 << (above % 8);
      out.field(bits);
      for (const each of [0, 0]) out.varint(each);
      return out.finish();
    };
    checkSnapshot(session(2, 2, 2 + SEQUENCE_AHEAD_MAX));
    expect(() => checkSnapshot(session(2, 2, 3 + SEQUENCE_AHEAD_MAX))).toThrow('above the mark 2 of a session');
    expect(() => checkSnapshot(session(3, 2, 9))).toThrow('the floor 3 of a session, above its mark 2');
  });

  it('are checked as they are restored', () => {
    const good = storeOf([{ type: CommandType.Register }]).snapshot();
    checkSnapshot(good);
    for (let length = 0; length < good.length; length++) {
      expect(() => checkSnapshot(good.subarray(0, length))).toThrow(MalformedSnapshotError);
    }
    expect(() => checkSnapshot(Uint8Array.of(...good, 0))).toThrow('1 bytes after the last key');
    expect(() => fencesOf(Uint8Array.of(3, 200))).toThrow(MalformedSnapshotError);
  });

  it('carry keys and sessions: a restored store goes on as the one it was taken from', () => {
    fc.assert(
      fc.property(commands.map(farApart), commands.map(farApart), (before, after) => {
        const original = storeOf(before);
        const restored = storeOf(after);
        restored.restore(original.snapshot());
        expect(restored.snapshot()).toEqual(original.snapshot());
        for (const [i, command] of after.entries()) {
          const entry = entryOf(before.length + 1 + i, encodeCommand(command));
          expect(restored.apply(entry)).toEqual(original.apply(entry));
        }
        expect(restored.snapshot()).toEqual(original.snapshot());
      }),
    );
  });

  it('carry the last fence of each server, which a replica that restored them has in force', () => {
    const store = new KeyValueStore();
    const fence = (index: number, id: number, instance: string) =>
      store.apply(entryOf(index, encodeFence({ id, instance })));
    expect(fence(3, 2, 'first')).toEqual({ status: 'ok', clientId: 3 });
    fence(4, 7, 'é');
    fence(5, 2, 'second');
    const expected = new Map([
      [2, { index: 5, instance: 'second' }],
      [7, { index: 4, instance: 'é' }],
    ]);
    expect(store.fences).toEqual(expected);
    const restored = new KeyValueStore();
    restored.restore(store.snapshot());
    expect(restored.fences).toEqual(expected);
    expect(fencesOf(store.snapshot())).toEqual(expected);
    expect(restored.snapshot()).toEqual(store.snapshot());
    // Byte for byte also where the one came to its fences by the log and the other by a snapshot.
    for (const each of [store, restored]) each.apply(entryOf(6, encodeFence({ id: 1, instance: 'third' })));
    expect(restored.snapshot()).toEqual(store.snapshot());
  });

  it('grow with the state past any first buffer', () => {
    const store = new KeyValueStore();
    register(store, 1);
    for (let seq = 1; seq <= 300; seq++) insert(store, 1, seq, `key ${seq}`, 'é'.repeat(seq * 7));
    const restored = new KeyValueStore();
    restored.restore(store.snapshot());
    expect(restored.get('key 300')).toBe('é'.repeat(2100));
    expect(restored.keyCount).toBe(300);
  });

  it('that cannot be read are refused with MalformedSnapshotError and leave the state as it was', () => {
    const store = storeOf([{ type: CommandType.Register }]);
    insert(store, 1, 1, 'a', 'kept');
    const good = store.snapshot();
    const refuses = (bytes: Uint8Array, reason: string) => {
      expect(() => store.restore(bytes)).toThrow(MalformedSnapshotError);
      expect(() => store.restore(bytes)).toThrow(reason);
      expect(store.snapshot()).toEqual(good);
    };
    for (let length = 0; length < good.length; length++) refuses(good.subarray(0, length), 'snapshot');
    refuses(Uint8Array.of(...good, 0), '1 bytes after the last key');
    refuses(Uint8Array.of(9), 'snapshot version 9, expected 4 or 5: another version of rkvd wrote it');
    // A replica that restored one of version 1 might forget other sessions than one that replayed the log.
    // One of version 2 would hear whom others do not, and one of version 3 refuse what others apply.
    refuses(Uint8Array.of(1, ...good.subarray(1)), 'snapshot version 1, expected 4');
  });

  it('that a registration cannot be taken is the same on every replica, and changes nothing', () => {
    const limits = { ...SESSION_LIMITS, sessionsMax: 2, unusedIdleEntries: 5, usedIdleEntries: 50 };
    const store = new KeyValueStore(limits);
    register(store, 1);
    register(store, 2);
    const before = store.snapshot();
    expect(register(store, 3)).toMatchObject({
      status: 'too-many-sessions',
      detail: expect.stringContaining('in use'),
    });
    expect(store.snapshot()).toEqual(before);
    const restored = new KeyValueStore(limits);
    restored.restore(before);
    expect(register(restored, 6)).toEqual(register(store, 6));
    expect(restored.snapshot()).toEqual(store.snapshot());
    expect(insert(store, 1, 1, 'a', 'b').status).toBe('unknown-session');
  });
});
