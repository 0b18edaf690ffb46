import fc from 'fast-check';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { MalformedSnapshotError } from '../../server/host/stateMachine.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { encodeFence } from '../../wire/fence.ts';
import { damagedBytes } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

interface Input {
  readonly bytes: Uint8Array;
  /** Read so many bytes at a time. */
  readonly pieceBytes: number;
}

const text = fc.string({ unit: 'binary', maxLength: 8 });
const command = fc.oneof(
  { weight: 2, arbitrary: fc.constant(new Uint8Array(0)) },
  { weight: 1, arbitrary: fc.nat(3).map((id) => encodeFence({ id, instance: 'f'.repeat(32) })) },
  {
    weight: 4,
    arbitrary: fc
      .record({
        clientId: fc.integer({ min: 1, max: 4 }),
        clientSeq: fc.oneof(fc.nat(9), fc.constantFrom(5000, 20_000, 500_000)),
        key: text,
        value: text,
      })
      .map((of) => encodeCommand({ type: CommandType.Insert, ...of })),
  },
);
/** Of a store that applied some commands, in half of the cases with the bound of sessions from one of them on. */
const snapshot = fc.tuple(fc.array(command, { maxLength: 12 }), fc.nat({ max: 24 })).map(([commands, boundAt]) => {
  const store = new KeyValueStore();
  for (const [at, data] of commands.entries()) {
    store.apply(new Entry(at + 1, 1, EntryType.Normal, data));
    if (at === boundAt) store.apply(new Entry(at + 1, 1, EntryType.BoundSessions, new Uint8Array(0)));
  }
  return store.snapshot();
});

const BEFORE = encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq: 1, key: 'before', value: 'it' });
/** An index that no session of a snapshot has. */
const LATER = 2 ** 40;

function started(): KeyValueStore {
  const store = new KeyValueStore();
  store.apply(new Entry(1, 1, EntryType.Normal, new Uint8Array(0)));
  store.apply(new Entry(2, 1, EntryType.Normal, BEFORE));
  return store;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** In pieces it is restored, or refused, as it is at once. */
function checkPieces({ bytes, pieceBytes }: Input, whole: Uint8Array | undefined): void {
  const store = started();
  const before = store.snapshot();
  const restored = taken(() => {
    const restoring = store.beginRestore(new MemoryContent(bytes));
    // A little is read each time, if only a key.
    for (let reads = 0; !restoring.read(pieceBytes); reads++) demand(reads <= bytes.length, 'reading comes to an end');
  }, MalformedSnapshotError);
  demand((restored === undefined) === (whole === undefined), 'in pieces a snapshot is what it is at once');
  demand(isSame(store.snapshot(), whole ?? before), 'a snapshot is taken whole or not at all');
}

export const SNAPSHOTS: FuzzTarget<Input> = {
  name: 'snapshots',
  takes: "the state machine's snapshots",
  inputs: fc.record({ bytes: damagedBytes(snapshot), pieceBytes: fc.constantFrom(1, 7, 1 << 20) }),
  check(input) {
    const { bytes } = input;
    const store = started();
    const isRestored = taken(() => store.restore(bytes), MalformedSnapshotError) !== undefined;
    const isFine = taken(() => store.beginCheck(bytes.length).take(bytes), MalformedSnapshotError) !== undefined;
    demand(isRestored === isFine, 'what is said to be a snapshot can be restored, and nothing else');
    const after = store.snapshot();
    checkPieces(input, isRestored ? after : undefined);
    if (!isRestored) return false;
    demand(
      store.fencesOf(new MemoryContent(bytes)).size === store.fences.size,
      'the fences in a snapshot are those of who restored it',
    );
    const other = new KeyValueStore();
    other.restore(after);
    demand(isSame(other.snapshot(), after), 'a snapshot restored is the same snapshot');
    // Both go on alike.
    for (const each of [store, other]) {
      each.apply(new Entry(LATER, 1, EntryType.Normal, new Uint8Array(0)));
      for (let clientId = 1; clientId <= 4; clientId++) {
        const insert = { type: CommandType.Insert, clientId, clientSeq: 3, key: 'after', value: 'it' } as const;
        each.apply(new Entry(LATER + clientId, 1, EntryType.Normal, encodeCommand(insert)));
      }
    }
    demand(isSame(store.snapshot(), other.snapshot()), 'equal snapshots go on to equal states');
    return true;
  },
};
