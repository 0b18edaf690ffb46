import fc from 'fast-check';
import { type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { recordsSize } from '../../consensus/entryCodec.ts';
import { MemoryContent } from '../../consensus/snapshotContent.ts';
import { RefusedDataError, UnknownFormatError } from '../../server/storage/contract.ts';
import { chunkKey, snapshotKey, stateKey, VERSION_KEY } from '../../server/storage/keys.ts';
import { MemoryDisk } from '../../server/storage/memoryDisk.ts';
import {
  decodeRecordHeader,
  encodeRecord,
  type SnapshotReference,
  seal,
  storedChecksum,
} from '../../server/storage/record.ts';
import { type Recovered, recover } from '../../server/storage/recovery.ts';
import { decodeSnapshot } from '../../server/storage/snapshotRecord.ts';
import { encodeSnapshot } from '../../server/storage/testing.ts';
import { encodeVersion } from '../../server/storage/version.ts';
import { type ByteEdit, byteEdit } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

/** One write of a log store. */
interface Write {
  /** Entries of the log that it replaces. */
  readonly replaces: number;
  readonly entries: readonly Uint8Array[];
  readonly termRise: number;
  /** How many of the writes before it are not known to be durable. */
  readonly undurable: number;
  /** With a snapshot of what is in the log so far. */
  readonly takesSnapshot: boolean;
}

interface Damage {
  /** Among the keys, as a share of 2^16. */
  readonly place: number;
  readonly how: 'edit' | 'seal' | 'drop' | 'swap';
  readonly edit: ByteEdit;
}

/** What a disk holds. `isForged`: some of it was written wrongly, checksum and all, which no accident does. */
interface Content {
  readonly values: readonly (readonly [key: string, value: Uint8Array])[];
  readonly isDamaged: boolean;
  readonly isForged: boolean;
}

const write = fc.record({
  replaces: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(3) }),
  entries: fc.array(fc.uint8Array({ maxLength: 12 }), { maxLength: 4 }),
  termRise: fc.nat(1),
  undurable: fc.nat(2),
  takesSnapshot: fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) }),
});
const damage = fc.record({
  place: fc.nat(0xffff),
  how: fc.constantFrom('edit' as const, 'edit' as const, 'seal' as const, 'drop' as const, 'swap' as const),
  edit: byteEdit,
});

/** What a store leaves on its disk. */
function written(writes: readonly Write[]): [key: string, value: Uint8Array][] {
  const values: [string, Uint8Array][] = [[VERSION_KEY, encodeVersion()]];
  const terms = [0];
  let term = 1;
  let previous = { sequence: 0, checksum: 0 };
  let reference: SnapshotReference | undefined;
  for (const [at, { replaces, entries: datas, termRise, undurable, takesSnapshot }] of writes.entries()) {
    const sequence = at + 1;
    term += termRise;
    const base = reference?.index ?? 0;
    if (datas.length > 0) terms.length = Math.max(base + 1, terms.length - replaces);
    const first = terms.length;
    const entries = datas.map((data, i) => new Entry(first + i, term, EntryType.Normal, data));
    const previousTerm = terms[first - 1]!;
    for (const _ of entries) terms.push(term);
    const last = terms.length - 1;
    if (takesSnapshot && last > base) {
      const configuration = simpleConfiguration([1, 2, 3]);
      const snapshot: Snapshot = {
        index: last,
        term: terms[last]!,
        configuration,
        content: new MemoryContent(Uint8Array.of(1, 2, 3)),
      };
      const { value, checksum } = encodeSnapshot(snapshot);
      reference = { index: last, sequence, checksum };
      values.push([snapshotKey(last, sequence), value]);
    }
    const fields = {
      sequence,
      durableSequence: Math.max(0, sequence - 1 - undurable),
      previousSequence: previous.sequence,
      previousChecksum: previous.checksum,
      baseIndex: base,
      baseTerm: terms[base]!,
      snapshot: reference,
      hardState: { term, vote: 1, commit: 0 },
      lastIndex: last,
      lastTerm: terms[last]!,
      previousTerm,
    };
    const { value, checksum } = encodeRecord(fields, entries, recordsSize(entries));
    values.push([entries.length > 0 ? chunkKey(first, sequence) : stateKey(sequence), value]);
    previous = { sequence, checksum };
  }
  return values;
}

function damaged(writes: readonly Write[], damages: readonly Damage[]): Content {
  let values: [string, Uint8Array][] = written(writes);
  for (const { place, how, edit } of damages) {
    const at = Math.floor((place / 0x10000) * values.length);
    const [key, value] = values[at]!;
    const [next] = values.slice(at + 1);
    if (how === 'drop') values = values.filter((_, each) => each !== at);
    else if (how === 'swap' && next !== undefined)
      [values[at], values[at + 1]] = [
        [key, next[1]],
        [next[0], value],
      ];
    else {
      const edited = Uint8Array.from(edit(value));
      if (how === 'seal' && edited.length > 4) seal(edited);
      values[at] = [key, edited];
    }
    if (values.length === 0) break;
  }
  return { values, isDamaged: damages.length > 0, isForged: damages.some(({ how }) => how === 'seal') };
}

function checkRecovered({ last, chunks, report, snapshot }: Recovered, { values, isForged }: Content): void {
  if (last === undefined) return;
  const checksums = new Set(values.map(([, value]) => storedChecksum(value)));
  demand(
    report.accepted.every(({ checksum }) => checksums.has(checksum)),
    'what is accepted is on the disk',
  );
  // A record whose checksum is right is believed.
  if (isForged) return;
  demand(report.lastIndex >= report.firstIndex - 1, 'a log ends where it begins or after it');
  let covered = last.baseIndex;
  for (const chunk of chunks) {
    demand(chunk.firstIndex <= covered + 1, 'no entry of the log is missing');
    covered = Math.max(covered, chunk.lastIndex);
  }
  demand(covered >= last.lastIndex, 'the log is there up to its end');
  demand((snapshot === undefined) === (last.snapshot === undefined), 'the snapshot that is named is there');
}

export const LOG_RECORDS: FuzzTarget<Content> = {
  name: 'log-records',
  takes: "a log store's records and snapshots, and what is concluded from all of them",
  inputs: fc
    .tuple(fc.array(write, { minLength: 1, maxLength: 6 }), fc.array(damage, { maxLength: 3 }))
    .map(([writes, damages]) => damaged(writes, damages)),
  check(content) {
    for (const [key, value] of content.values) {
      taken(() => decodeRecordHeader(key, value), UnknownFormatError);
      taken(() => decodeSnapshot(key, value, value.length < 4 ? 0 : storedChecksum(value)), UnknownFormatError);
    }
    const found = taken(() => recover(new MemoryDisk('by-step', new Map(content.values))), RefusedDataError)?.value;
    demand(content.isDamaged || found !== undefined, 'what is whole is recovered');
    if (found === undefined) return false;
    checkRecovered(found, content);
    return true;
  },
};
