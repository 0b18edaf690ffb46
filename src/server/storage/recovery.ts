import { EMPTY_HARD_STATE, type Snapshot } from '../../consensus/contract.ts';
import { CorruptLogError, type Disk } from './contract.ts';
import {
  CHUNK_PREFIX,
  type ParsedKey,
  parseKey,
  SNAPSHOT_PREFIX,
  STATE_PREFIX,
  snapshotKey,
  VERSION_KEY,
} from './keys.ts';
import { type Damage, decodeRecordHeader, describeDamage, type RecordHeader, type TermRun } from './record.ts';
import { readSnapshotOn } from './snapshotRecord.ts';
import { readVersion } from './version.ts';

/**
 * Finding out, after a crash at any instruction, what the log store held.
 *
 * What is on disk. Each write of the store is one atomic batch whose heart is a single value, the write record
 * (record.ts): entries if there are any, and all other state as of the end of that write. Beside it the batch may put a
 * snapshot (named, with its checksum, by the record) and delete what earlier, durable writes made useless. Every key holds
 * the number of its write, so nothing is overwritten: a truncated or replaced entry stays where it is until the write that
 * replaced it is durable. An index belongs to the newest chunk that covers it, and the last record says where the log ends
 * and begins; dead entries are therefore told from live ones without touching them.
 *
 * What is trusted. Let D be the greatest `durableSequence` of any intact record: writes up to D were durable before that
 * record was written. Damage in a record up to D, a live entry up to D that is missing, or no record D, is not the work of
 * a crash: CorruptLogError; neither is one up to D that another record, up to D, does not know as its predecessor. A record after D is accepted only if it is intact, complete (its new snapshot is there) and
 * names its predecessor's number and checksum, starting from record D. The first that is not ends the log; it and all
 * after it are dropped and reported.
 *
 * Why that is right, by crash point. Let d be the last write whose `done` was called with sync.
 * - Between writes: records up to d are intact by the disk's promise; D <= d. The chain from D reaches d, because only
 *   records below the durableSequence of a *durable* record are ever deleted (see ChunkedLogStore), hence none in (D, d].
 * - During write d+1, or one of several without sync after d: any of their operations may be done, undone or damaged. A
 *   record is one value: whole, or found damaged by its checksum, or absent. If absent or damaged, it and its successors
 *   are dropped: no `done` with sync was called for any of them, so nothing was promised. If whole, the write is accepted
 *   as a whole: it was going to be true, and nothing else of the batch is needed but the snapshot, whose presence is checked.
 * - Deletes that happened although their record did not: they hit only what records at or below d had already replaced.
 *   Deletes that did not happen although their record did: what they should have removed is dead by the rule above, is
 *   found again here and is deleted later.
 * - During a later write, with remains of dropped writes still there: their numbers are not used again; the first write
 *   after opening deletes them. If a crash undoes just that delete, they do not link to what was accepted in their place
 *   (predecessor checksum) and are dropped again. They cannot come to lie at or below D: until that first write, deletes
 *   included, is durable, its record and those of later openings go on naming the old D, although more was accepted.
 *   The same holds for the version, which the first write of all puts there.
 *
 * What the disk alone cannot show: last writes that vanished or were damaged long after they were durable, when no later
 * write tells of them. promisedDisk.ts finds them missing.
 */
export interface DroppedWrite {
  readonly key: string;
  readonly sequence: number;
  /** The first entry index the write held, 0 where it held none. */
  readonly firstIndex: number;
  readonly reason: string;
}

/** Which write: two that differ never have the same number and checksum. */
export interface WriteName {
  readonly sequence: number;
  readonly checksum: number;
}

/** What was found when a store was opened; the host logs it. */
export interface OpenReport {
  /** false: there was nothing. */
  readonly found: boolean;
  /** D: writes up to this one are known to have been durable. */
  readonly durableSequence: number;
  /** The accepted writes from D on, in order. */
  readonly accepted: readonly WriteName[];
  readonly firstIndex: number;
  readonly lastIndex: number;
  readonly chunks: number;
  /** Writes that a crash interrupted. None of them was ever reported durable. */
  readonly dropped: readonly DroppedWrite[];
}

/** A live chunk as found on disk. */
export interface RecoveredChunk {
  readonly firstIndex: number;
  readonly sequence: number;
  /** The last index it really holds; the live part may end earlier. */
  readonly lastIndex: number;
  /** The term of the entry before its first one, when it was written. */
  readonly previousTerm: number;
  readonly termRuns: readonly TermRun[];
  readonly markedIndexes: readonly number[];
}

export interface Recovered {
  /** The last accepted record; undefined in a new store. */
  readonly last: RecordHeader | undefined;
  readonly lastIsState: boolean;
  readonly snapshot: Snapshot | undefined;
  readonly chunks: readonly RecoveredChunk[];
  /** Remains of dropped writes: to be deleted by the first write. */
  readonly remains: readonly string[];
  /** What accepted writes made useless: to be deleted once the last record is anchored. */
  readonly dead: readonly string[];
  /** The greatest durableSequence of an accepted record. */
  readonly anchoredSequence: number;
  readonly nextSequence: number;
  readonly versionMissing: boolean;
  readonly report: OpenReport;
}

interface Damaged extends ParsedKey {
  readonly key: string;
  readonly damage: Damage;
}

/** What a scan of all records yields. Of the headers those from D on are left, which are few. */
class Scan {
  readonly chunks: RecoveredChunk[] = [];
  readonly damaged: Damaged[] = [];
  readonly keys = new Map<number, string>();
  readonly candidates = new Map<number, RecordHeader>();
  private readonly links = new Map<number, Link>();
  durableSequence = 0;
  sequenceMax = 0;

  add(disk: Disk, key: string): void {
    const parsed = parsedOrThrow(key);
    this.sequenceMax = Math.max(this.sequenceMax, parsed.sequence);
    const { header, damage } = decodeRecordHeader(key, disk.get(key));
    if (header === undefined) {
      this.damaged.push({ key, ...parsed, damage });
      return;
    }
    if (header.sequence !== parsed.sequence || header.firstIndex !== parsed.index) {
      throw new CorruptLogError(
        `${key} holds the record of write ${header.sequence} from index ${header.firstIndex}; the key says write ${parsed.sequence} from index ${parsed.index}`,
      );
    }
    if (header.entryCount > 0) {
      this.chunks.push({
        firstIndex: header.firstIndex,
        sequence: header.sequence,
        lastIndex: header.firstIndex + header.entryCount - 1,
        previousTerm: header.previousTerm,
        termRuns: header.termRuns,
        markedIndexes: header.markedIndexes,
      });
    }
    this.keys.set(header.sequence, key);
    const { checksum, previousSequence, previousChecksum } = header;
    this.links.set(header.sequence, { checksum, previousSequence, previousChecksum });
    if (header.sequence < this.durableSequence) return;
    this.candidates.set(header.sequence, header);
    if (header.durableSequence <= this.durableSequence) return;
    this.durableSequence = header.durableSequence;
    for (const sequence of this.candidates.keys()) {
      if (sequence < this.durableSequence) this.candidates.delete(sequence);
    }
  }

  /** Finds a record of another server's, or of another time, among those that were durable. */
  throwIfForeign(): void {
    for (const [sequence, { previousSequence, previousChecksum }] of this.links) {
      const previous = this.links.get(previousSequence);
      if (sequence > this.durableSequence || previous === undefined || previous.checksum === previousChecksum) continue;
      throw new CorruptLogError(
        `${this.keys.get(previousSequence)} is not the record that ${this.keys.get(sequence)} was written after: checksum expected ${previousChecksum}, found ${previous.checksum}`,
      );
    }
  }
}

/** Of a record: which write it is and which it follows. */
type Link = Pick<RecordHeader, 'checksum' | 'previousSequence' | 'previousChecksum'>;

function parsedOrThrow(key: string): ParsedKey {
  const parsed = parseKey(key);
  if (parsed === undefined) throw new CorruptLogError(`the key ${JSON.stringify(key)} is not one of the log store's`);
  return parsed;
}

function throwIfDurableDamaged(scan: Scan): void {
  for (const { key, index, sequence, damage } of scan.damaged) {
    if (sequence > scan.durableSequence) continue;
    const next = scan.chunks.find((chunk) => chunk.firstIndex > index);
    const range =
      index === 0 ? 'the hard state' : `entries ${index} to ${next === undefined ? 'the end' : next.firstIndex - 1}`;
    throw new CorruptLogError(
      `${key} (write ${sequence}, ${range}) was durable, writes up to ${scan.durableSequence} were; but ${describeDamage(damage)}`,
    );
  }
}

function readSnapshotOf(disk: Disk, header: RecordHeader) {
  const reference = header.snapshot!;
  const key = snapshotKey(reference.index, reference.sequence);
  return { key, ...readSnapshotOn(disk, key, reference.checksum) };
}

/** The records from D to the last accepted one, in order; empty in a new store. */
function acceptedChain(disk: Disk, scan: Scan): RecordHeader[] {
  const chain: RecordHeader[] = [];
  const durable = scan.candidates.get(scan.durableSequence);
  if (durable !== undefined) chain.push(durable);
  else if (scan.durableSequence > 0) {
    throw new CorruptLogError(`the record of write ${scan.durableSequence}, which was durable, is missing`);
  }
  for (const header of [...scan.candidates.values()].sort((a, b) => a.sequence - b.sequence)) {
    const last = chain[chain.length - 1];
    if (header.previousSequence !== (last?.sequence ?? 0)) continue;
    if (header.previousChecksum !== (last?.checksum ?? 0)) continue;
    const { snapshot } = header;
    const isNewSnapshot = snapshot !== undefined && snapshot.sequence !== last?.snapshot?.sequence;
    if (isNewSnapshot && readSnapshotOf(disk, header).damage !== undefined) continue;
    chain.push(header);
  }
  return chain;
}

/** The chunks that hold the log as of `last`, in index order. Throws CorruptLogError where they do not fit together. */
function liveChunks(all: readonly RecoveredChunk[], last: RecordHeader): RecoveredChunk[] {
  const bySequence = [...all].sort((a, b) => a.sequence - b.sequence);
  const stack: RecoveredChunk[] = [];
  const popFrom = (index: number) => {
    while (stack.length > 0 && stack[stack.length - 1]!.firstIndex >= index) stack.pop();
  };
  for (const chunk of bySequence) {
    popFrom(chunk.firstIndex);
    stack.push(chunk);
  }
  popFrom(last.lastIndex + 1);
  const end = (position: number) =>
    Math.min(stack[position]!.lastIndex, (stack[position + 1]?.firstIndex ?? last.lastIndex + 1) - 1);
  const live = stack.filter((_, position) => end(position) > last.baseIndex);
  let covered = last.baseIndex;
  let term = last.baseTerm;
  for (let position = stack.length - live.length; position < stack.length; position++) {
    const chunk = stack[position]!;
    if (chunk.firstIndex > covered + 1) throwGap(covered + 1, chunk.firstIndex - 1, last);
    if (chunk.firstIndex === covered + 1) checkTerm(covered, term, chunk.previousTerm, chunk.sequence);
    covered = end(position);
    term = termAt(chunk, covered);
  }
  if (covered < last.lastIndex) throwGap(covered + 1, last.lastIndex, last);
  checkTerm(covered, term, last.lastTerm, last.sequence);
  return live;
}

function termAt(chunk: RecoveredChunk, index: number): number {
  let term = 0;
  for (const run of chunk.termRuns) if (run.first <= index) term = run.term;
  return term;
}

/** Finds a lost chunk below which an older, replaced one still lies: the terms then do not fit together. */
function checkTerm(index: number, found: number, expected: number, sequence: number): void {
  if (found === expected) return;
  throw new CorruptLogError(
    `log entry ${index} has term ${found}, but the record of write ${sequence} says ${expected}: the chunk that held it is missing`,
  );
}

function throwGap(from: number, to: number, last: RecordHeader): never {
  throw new CorruptLogError(
    `log entries ${from} to ${to} are missing: no chunk holds them, but the record of write ${last.sequence} says that the log runs from ${last.baseIndex + 1} to ${last.lastIndex}`,
  );
}

function droppedWrites(scan: Scan, accepted: ReadonlySet<number>): DroppedWrite[] {
  const dropped: DroppedWrite[] = scan.damaged.map(({ key, index, sequence, damage }) => {
    return { key, sequence, firstIndex: index, reason: describeDamage(damage) };
  });
  for (const header of scan.candidates.values()) {
    if (accepted.has(header.sequence)) continue;
    dropped.push({
      key: scan.keys.get(header.sequence)!,
      sequence: header.sequence,
      firstIndex: header.firstIndex,
      reason: 'it is intact, but a write before it or its own snapshot was lost',
    });
  }
  return dropped.sort((a, b) => a.sequence - b.sequence);
}

/**
 * Reads everything on the disk and concludes what the store holds; changes nothing. Throws CorruptLogError where something
 * that was durable is damaged or missing, and UnknownFormatError where another version wrote it.
 */
export function recover(disk: Disk): Recovered {
  // Where a crash tore the very first write, the version is missing or damaged beside an intact record (which has a version
  // of its own); the next write puts it there.
  const version = readVersion(disk.get(VERSION_KEY));
  const scan = new Scan();
  for (const key of disk.keys(CHUNK_PREFIX)) scan.add(disk, key);
  for (const key of disk.keys(STATE_PREFIX)) scan.add(disk, key);
  throwIfDurableDamaged(scan);
  scan.throwIfForeign();
  const chain = acceptedChain(disk, scan);
  const last = chain[chain.length - 1];
  const accepted = new Set(chain.map((header) => header.sequence));
  const isAccepted = (sequence: number) => sequence <= scan.durableSequence || accepted.has(sequence);
  const snapshot = last?.snapshot === undefined ? undefined : requireSnapshot(disk, last);
  const chunks =
    last === undefined
      ? []
      : liveChunks(
          scan.chunks.filter((chunk) => isAccepted(chunk.sequence)),
          last,
        );
  const dropped = droppedWrites(scan, accepted);

  const live = new Set(chunks.map((chunk) => chunk.sequence));
  if (last !== undefined) live.add(last.sequence);
  const remains = dropped.map((write) => write.key);
  const dead: string[] = [];
  for (const [sequence, key] of scan.keys) if (isAccepted(sequence) && !live.has(sequence)) dead.push(key);
  // A snapshot has the number of the write that put it there, or one of its own before that.
  const named = new Set(chain.map(({ snapshot: of }) => of?.sequence));
  let sequenceMax = scan.sequenceMax;
  for (const key of disk.keys(SNAPSHOT_PREFIX)) {
    const { sequence } = parsedOrThrow(key);
    sequenceMax = Math.max(sequenceMax, sequence);
    if (sequence === last?.snapshot?.sequence) continue;
    if (isAccepted(sequence) || named.has(sequence)) dead.push(key);
    else remains.push(key);
  }
  const lastState = last ?? { baseIndex: 0, lastIndex: 0, hardState: EMPTY_HARD_STATE };
  return {
    last,
    lastIsState: last !== undefined && last.entryCount === 0,
    snapshot,
    chunks,
    remains,
    dead,
    anchoredSequence: chain.reduce((greatest, header) => Math.max(greatest, header.durableSequence), 0),
    nextSequence: sequenceMax + 1,
    versionMissing: version.damage !== undefined,
    report: {
      found: last !== undefined,
      durableSequence: scan.durableSequence,
      accepted: chain.map(({ sequence, checksum }) => ({ sequence, checksum })),
      firstIndex: lastState.baseIndex + 1,
      lastIndex: lastState.lastIndex,
      chunks: chunks.length,
      dropped,
    },
  };
}

function requireSnapshot(disk: Disk, last: RecordHeader): Snapshot {
  const { key, snapshot, damage } = readSnapshotOf(disk, last);
  if (snapshot !== undefined) return snapshot;
  throw new CorruptLogError(
    `${key}, the snapshot that the record of write ${last.sequence} refers to: ${describeDamage(damage)}`,
  );
}
