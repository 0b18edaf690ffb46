import { Entry, EntryType } from '../../consensus/entry.ts';
import { type Operation, type OperationGroup, sink } from '../operation.ts';
import { insertOf } from './inserts.ts';

const SIZES = [1, 64];
const KEYS = 10_000;
const SESSIONS = 200;
/** Sessions number their commands from 1 on. */
const FIRST_SEQUENCE = 1;

/** What becomes of entries: records in the log, and keys. */
export const STORAGE_GROUPS: readonly OperationGroup[] = [
  { name: 'log', operations: SIZES.map(recordEncoding) },
  { name: 'state machine', operations: [applying()] },
];

function recordEncoding(count: number): Operation {
  return {
    name: `log store: encode a write of ${count === 1 ? '1 entry' : `${count} entries`}`,
    make: async (modules) => {
      const { encodeRecord } =
        await modules.load<typeof import('../../server/storage/record.ts')>('server/storage/record.ts');
      const { recordsSize } =
        await modules.load<typeof import('../../consensus/entryCodec.ts')>('consensus/entryCodec.ts');
      const insert = await insertOf(modules);
      const entries = Array.from(
        { length: count },
        (_, at) => new Entry(1_000_000 + at, 5, EntryType.Normal, insert(7, at + 1, at)),
      );
      const fields = {
        sequence: 100_000,
        durableSequence: 99_999,
        previousSequence: 99_999,
        previousChecksum: 123_456_789,
        baseIndex: 900_000,
        baseTerm: 4,
        snapshot: undefined,
        hardState: { term: 5, vote: 1, commit: 999_999 },
        lastIndex: 1_000_000 + count - 1,
        lastTerm: 5,
        previousTerm: 5,
      };
      return {
        run: (times) => {
          for (let i = 0; i < times; i++) {
            // As if they were new: an entry is encoded once.
            for (const entry of entries) entry.record = null;
            sink.value = encodeRecord(fields, entries, recordsSize(entries));
          }
        },
      };
    },
  };
}

function applying(): Operation {
  return {
    name: `state machine: apply an insert, ${KEYS} keys and ${SESSIONS} sessions`,
    make: async (modules) => {
      const { KeyValueStore } = await modules.load<typeof import('../../server/stateMachine/keyValueStore.ts')>(
        'server/stateMachine/keyValueStore.ts',
      );
      const { REGISTER_BYTES } = await modules.load<typeof import('../../wire/command.ts')>('wire/command.ts');
      const insert = await insertOf(modules);
      const store = new KeyValueStore();
      for (let id = 1; id <= SESSIONS; id++) store.apply(new Entry(id, 1, EntryType.Normal, REGISTER_BYTES));
      let made = 0;
      const next = () => {
        const session = (made % SESSIONS) + 1;
        const sequence = FIRST_SEQUENCE + Math.floor(made / SESSIONS);
        // Every key comes before any comes again, in an order that caches do not foresee.
        const key = (made * 7919) % KEYS;
        made++;
        return new Entry(SESSIONS + made, 1, EntryType.Normal, insert(session, sequence, key));
      };
      for (let i = 0; i < KEYS; i++) store.apply(next());
      let entries: Entry[] = [];
      return {
        prepare: (times) => {
          entries = Array.from({ length: times }, next);
        },
        run: () => {
          for (const entry of entries) {
            const result = store.apply(entry);
            if (result.status !== 'ok') throw new Error(`an insert was refused: ${result.status}`);
          }
        },
      };
    },
  };
}
