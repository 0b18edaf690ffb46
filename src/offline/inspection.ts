import { existsSync } from 'node:fs';
import { join, relative } from 'node:path';
import type { Configuration, HardState } from '../consensus/contract.ts';
import { readRegularFile, UnusableFileError } from '../files/regularFile.ts';
import { MalformedSnapshotError } from '../server/host/stateMachine.ts';
import { checkBinding } from '../server/identity/binding.ts';
import type { Identity } from '../server/identity/identity.ts';
import { lastIdentity } from '../server/identity/identityFile.ts';
import { countsOf } from '../server/stateMachine/snapshotReader.ts';
import type { Binding } from '../server/storage/binding.ts';
import {
  type Disk,
  type PromisedArea,
  RefusedDataError,
  UnknownFormatError,
  UnknownPromiseError,
} from '../server/storage/contract.ts';
import { diskOfGroup, throwIfOtherGroups } from '../server/storage/groupDisk.ts';
import { JOURNAL_BLOCK_BYTES, JOURNAL_HALF_BYTES, STORE_ID_BYTES } from '../server/storage/journalEntry.ts';
import { type FoundJournal, readJournal } from '../server/storage/journalReading.ts';
import { CHUNK_PREFIX, parseKey, snapshotKey } from '../server/storage/keys.ts';
import { checkLevelFiles } from '../server/storage/level/checkFiles.ts';
import { type FileDamage, LevelContents } from '../server/storage/level/contents.ts';
import { promisedFile } from '../server/storage/openLogStore.ts';
import { PiecedDisk } from '../server/storage/piecedDisk.ts';
import { PromisedDisk, throwIfPromised } from '../server/storage/promisedDisk.ts';
import { describeDamage, type RecordHeader } from '../server/storage/record.ts';
import { type Recovered, recover } from '../server/storage/recovery.ts';
import { readSnapshotOn } from '../server/storage/snapshotRecord.ts';
import { THE_GROUP } from '../wire/group.ts';
import { expectServerFolder, expectUnused } from './folder.ts';
import {
  type IndexRange,
  liveChunks,
  newestOf,
  type StoredRecord,
  storedRecords,
  type TermRange,
  termRanges,
} from './storedRecords.ts';

/** What is in a server's folder. What cannot be read is undefined, or missing in a list. */
export interface Inspection {
  readonly folder: string;
  readonly identity:
    | Pick<Identity, 'id' | 'engine' | 'cluster' | 'instance' | 'stage' | 'boots' | 'admitted'>
    | undefined;
  readonly hardState: HardState | undefined;
  /** `last` is before `first` where it is empty. */
  readonly log: (IndexRange & { readonly terms: readonly TermRange[] }) | undefined;
  readonly snapshot: StoredSnapshot | undefined;
  readonly journal: JournalReport | undefined;
  /** The records that hold the log, in the order of their entries. */
  readonly chunks: readonly StoredChunk[];
  /** Records and snapshots that later writes made useless, or that a crash left; they are deleted some time. */
  readonly dead: { readonly count: number; readonly bytes: number };
  /** What is not as it was written, and keeps a server from starting. */
  readonly damages: readonly DamageReport[];
  /** The same, of what a crash may leave: nothing of it was promised, or the promise file has it. */
  readonly mended: readonly DamageReport[];
  /** Why rkvd does not start from these data; undefined where it does. */
  readonly refusal: { readonly error: string; readonly message: string; readonly remedy: string } | undefined;
}

/** A record: the entries of one write. */
export interface StoredChunk extends IndexRange {
  readonly write: number;
  readonly bytes: number;
  /** Relative to the folder; the promise file where the database has not got it. */
  readonly file: string;
}

export interface StoredSnapshot {
  readonly index: number;
  readonly term: number;
  readonly bytes: number;
  readonly configuration: Configuration;
  readonly keys: number;
  readonly sessions: number;
  readonly file: string;
}

export interface JournalReport {
  readonly file: string;
  /** How many entries are in each, and the numbers of the first and the last. */
  readonly halves: readonly (IndexRange & { readonly entries: number })[];
  /** The last write that was promised. */
  readonly promisedWrite: number;
  /** Entries of which the database lacks something, which a start gives it. */
  readonly lagging: number;
}

export interface DamageReport {
  /** Relative to the folder. */
  readonly file: string;
  /** Byte of the file; undefined where LevelDB's checksums are right, and the value's own is not. */
  readonly offset?: number;
  /** Of that value. */
  readonly key?: string;
  /** What is gone lay between these keys, or in a log was written between them. */
  readonly after?: string;
  readonly before?: string;
  /** The entries that it may have held, as far as that can be told. */
  readonly entries?: Partial<IndexRange>;
  readonly what: string;
}

/** More than a promise file has, and no more than is worth reading of what is none. */
const PROMISED_BYTES_MAX = 64 * 1024 * 1024;

/**
 * Looks through a stopped server's folder and finds out what a start would, by the same rules and without what it writes: nothing is
 * changed. Throws FolderError, UnknownFormatError where another version wrote it, and the file system's errors.
 */
export async function inspect(location: string): Promise<Inspection> {
  await expectServerFolder(location);
  expectUnused(location);
  // Where its files cannot be told, checkLevelFiles says so in its turn.
  const contents = await attempt([], () => LevelContents.read(location));
  try {
    const found = await look(location, contents);
    expectUnused(location);
    return found;
  } catch (error) {
    // Files that change while they are looked at are not damaged.
    expectUnused(location);
    throw error;
  } finally {
    await contents?.close();
  }
}

/** What a start would refuse is noted, and the rest looked at all the same. */
async function attempt<T>(refusals: RefusedDataError[], read: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!(error instanceof RefusedDataError) || error instanceof UnknownFormatError) throw error;
    refusals.push(error);
    return undefined;
  }
}

/** In the order in which a start looks at things: what it finds first is what it says. */
async function look(location: string, contents: LevelContents | undefined): Promise<Inspection> {
  const refusals: RefusedDataError[] = [];
  const identity = await attempt(refusals, () => lastIdentity(location));
  const check = (found: Binding | undefined) => checkBinding(location, identity, found);
  const areaRefusals: RefusedDataError[] = [];
  const area = await attempt(areaRefusals, () => readArea(location));
  if (!existsSync(join(location, 'CURRENT'))) {
    refusals.push(...areaRefusals);
    await attempt(refusals, () => area && throwIfPromised(area, location, check));
  }
  await attempt(refusals, () => checkLevelFiles(location));
  refusals.push(...areaRefusals);
  const journal = await attempt(refusals, () => area?.found && readJournal(area, area.found, undefined));
  const below = contents && diskOfGroup(new PiecedDisk(contents), THE_GROUP);
  let disk: Disk | undefined = below;
  const recovered = await attempt(refusals, () => {
    if (contents === undefined || below === undefined || area === undefined) return undefined;
    throwIfOtherGroups(contents, THE_GROUP);
    const promised = PromisedDisk.open(below, area, () => new Uint8Array(STORE_ID_BYTES));
    disk = promised;
    return promised.recover((whole) => ({ ...recover(whole), store: { failedBelow: () => {} } }), check);
  });
  const [refusal] = refusals;
  const records = disk === undefined ? [] : storedRecords(disk);
  const last = recovered?.last ?? newestOf(records);
  const range = last && { first: last.baseIndex + 1, last: last.lastIndex };
  const live = range === undefined ? [] : liveChunks(records.filter(isAcceptedBy(recovered)), range);
  const place = (key: string) => relative(location, contents?.fileOf(key) ?? promisedFile(location));
  const damages = [
    ...(contents?.damages ?? []).map((damage) => fileDamage(location, damage, records)),
    ...records.flatMap((record) => recordDamage(record, records, place(record.key))),
    ...snapshotDamage(last, disk, place),
  ];
  return {
    folder: location,
    identity: identity && publicPart(identity),
    hardState: last?.hardState,
    log: range && { ...range, terms: termRanges(live) },
    snapshot: snapshotReport(recovered, disk, place),
    journal: journal && journalReport(relative(location, area!.name), journal, below),
    chunks: live.map(({ first, last: end, record }) => ({
      first,
      last: end,
      write: record.write,
      bytes: record.bytes,
      file: place(record.key),
    })),
    dead: deadOf(disk, recovered, records),
    damages: refusal === undefined ? [] : damages,
    mended: refusal === undefined ? damages : [],
    refusal: refusal && { error: refusal.name, message: refusal.message, remedy: refusal.remedy },
  };
}

/** The promise file as it is. Throws UnknownPromiseError where it is no file of ours. */
function readArea(location: string): PromisedArea {
  const name = promisedFile(location);
  const takesNoWrites = () => {
    throw new Error('what is only looked at takes no writes');
  };
  return {
    name,
    halfBytes: JOURNAL_HALF_BYTES,
    blockBytes: JOURNAL_BLOCK_BYTES,
    found: readPromised(name)?.subarray(0, 2 * JOURNAL_HALF_BYTES),
    create: takesNoWrites,
    write: takesNoWrites,
    close: async () => {},
  };
}

function readPromised(path: string): Uint8Array | undefined {
  try {
    return readRegularFile(path, PROMISED_BYTES_MAX);
  } catch (error) {
    if (error instanceof UnusableFileError)
      throw new UnknownPromiseError(`${error.message}: what these data must hold cannot be told from it`);
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

function publicPart({ id, engine, cluster, instance, stage, boots, admitted }: Identity): Inspection['identity'] {
  return { id, engine, cluster, instance, stage, boots, admitted };
}

/** Of what a start goes on from; where it would not, of all that is there. */
function isAcceptedBy(recovered: Recovered | undefined): (record: StoredRecord) => boolean {
  if (recovered === undefined) return () => true;
  const accepted = new Set(recovered.chunks.map(({ sequence }) => sequence));
  return ({ write }) => accepted.has(write);
}

function snapshotReport(
  recovered: Recovered | undefined,
  disk: Disk | undefined,
  place: (key: string) => string,
): StoredSnapshot | undefined {
  const reference = recovered?.last?.snapshot;
  const snapshot = recovered?.snapshot;
  if (disk === undefined || reference === undefined || snapshot === undefined) return undefined;
  const { index, term, configuration, content } = snapshot;
  const file = place(snapshotKey(reference.index, reference.sequence));
  try {
    return { index, term, bytes: content.byteLength, configuration, ...countsOf(content), file };
  } catch (error) {
    if (!(error instanceof MalformedSnapshotError)) throw error;
    throw new UnknownFormatError(`the stored snapshot of index ${index}: ${error.message}`, { cause: error });
  }
}

function journalReport(file: string, { last, entries }: FoundJournal, below: Disk | undefined): JournalReport {
  const halves = [0, 1].map((half) => {
    const numbers = entries
      .filter(({ at }) => at < JOURNAL_HALF_BYTES === (half === 0))
      .map(({ entry }) => entry.number);
    return {
      entries: numbers.length,
      first: numbers.length === 0 ? 0 : Math.min(...numbers),
      last: Math.max(0, ...numbers),
    };
  });
  return { file, halves, promisedWrite: last.sequence, lagging: laggingEntries(entries, last.covered, below) };
}

/** Entries whose operations the database has not got, and no later entry undoes. */
function laggingEntries(entries: FoundJournal['entries'], covered: number, below: Disk | undefined): number {
  const latest = new Map<string, { readonly number: number; readonly value: Uint8Array | null }>();
  const uncovered = entries.map(({ entry }) => entry).filter(({ number }) => number > covered);
  for (const { number, operations } of uncovered.sort((a, b) => a.number - b.number))
    for (const { key, value } of operations) latest.set(key, { number, value });
  const lagging = new Set<number>();
  for (const [key, { number, value }] of latest) {
    const found = below?.get(key);
    const isThere = value === null ? found === undefined : found !== undefined && Buffer.compare(found, value) === 0;
    if (!isThere) lagging.add(number);
  }
  return lagging.size;
}

function deadOf(
  disk: Disk | undefined,
  recovered: Recovered | undefined,
  records: readonly StoredRecord[],
): Inspection['dead'] {
  if (recovered === undefined) return { count: 0, bytes: 0 };
  const bytesOf = new Map(records.map(({ key, bytes }) => [key, bytes]));
  const keys = [...recovered.dead, ...recovered.remains];
  const bytes = keys.reduce((sum, key) => sum + (bytesOf.get(key) ?? disk?.get(key)?.length ?? 0), 0);
  return { count: keys.length, bytes };
}

function fileDamage(location: string, damage: FileDamage, records: readonly StoredRecord[]): DamageReport {
  const { path, offset, what, after, before } = damage;
  const entries = entriesBetween(after, before, records);
  return {
    file: relative(location, path),
    offset,
    ...(after === '' ? {} : { after }),
    ...(before === '' ? {} : { before }),
    ...(entries === undefined ? {} : { entries }),
    what,
  };
}

/** What is gone between two keys. Undefined where no entry of the log can have stood there. */
function entriesBetween(
  after: string,
  before: string,
  records: readonly StoredRecord[],
): Partial<IndexRange> | undefined {
  const isAbove = after !== '' && after > `${CHUNK_PREFIX}~`;
  const isBelow = before !== '' && before < CHUNK_PREFIX;
  if (isAbove || isBelow) return undefined;
  const from = records.find(({ key }) => key === after);
  const to = before.startsWith(CHUNK_PREFIX) ? parseKey(before) : undefined;
  const first = from?.header === undefined ? parseKey(after)?.index : from.firstIndex + from.header.entryCount;
  return {
    ...(first === undefined || first === 0 ? {} : { first }),
    ...(to === undefined ? {} : { last: to.index - 1 }),
  };
}

/** Of the snapshot that the last record refers to. */
function snapshotDamage(
  last: RecordHeader | undefined,
  disk: Disk | undefined,
  place: (key: string) => string,
): DamageReport[] {
  if (last?.snapshot === undefined || disk === undefined) return [];
  const { index, sequence, checksum } = last.snapshot;
  const key = snapshotKey(index, sequence);
  const { damage } = readSnapshotOn(disk, key, checksum);
  return damage === undefined
    ? []
    : [{ file: place(key), key, entries: { last: index }, what: describeDamage(damage) }];
}

function recordDamage(
  { key, firstIndex, damage }: StoredRecord,
  records: readonly StoredRecord[],
  file: string,
): DamageReport[] {
  if (damage === '') return [];
  if (firstIndex === 0) return [{ file, key, what: damage }];
  const next = records.find((record) => record.firstIndex > firstIndex);
  return [{ file, key, entries: { first: firstIndex, ...(next && { last: next.firstIndex - 1 }) }, what: damage }];
}
