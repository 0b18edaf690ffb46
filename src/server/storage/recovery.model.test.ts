import { describe, expect, it } from 'vitest';
import { recordsSize } from '../../consensus/entryCodec.ts';
import { CorruptLogError } from './contract.ts';
import { chunkKey, snapshotKey, stateKey, VERSION_KEY } from './keys.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { encodeRecord, type RecordFields, type SnapshotReference } from './record.ts';
import { type Recovered, recover } from './recovery.ts';
import { commands, encodeSnapshot, hard, randomFrom, snapshotAt } from './testing.ts';
import { encodeVersion } from './version.ts';

/** What the log is after a write. */
interface State {
  /** The term of each entry, by its index; what is not there is truncated or compacted. */
  readonly terms: ReadonlyMap<number, number>;
  readonly base: number;
  readonly baseTerm: number;
  readonly lastIndex: number;
  readonly snapshot: SnapshotReference | undefined;
  readonly term: number;
}

/** A write as it was meant, whatever a disk makes of it. */
interface Write {
  readonly sequence: number;
  readonly key: string;
  readonly value: Uint8Array;
  readonly checksum: number;
  /** The write that it follows. */
  readonly parent: Write | undefined;
  readonly durableSequence: number;
  /** Entries of this write: from and to; from = 0 where it has none. */
  readonly from: number;
  readonly to: number;
  /** The snapshot that it brings. */
  readonly brings: string | undefined;
  readonly state: State;
}

/** A record that is intact and is not the one that was written. */
type Fate = 'intact' | 'damaged' | 'missing' | 'foreign' | 'no snapshot' | 'other snapshot' | 'snapshot alone';
const FATES: readonly Fate[] = [
  'intact',
  'intact',
  'intact',
  'damaged',
  'missing',
  'foreign',
  'no snapshot',
  'other snapshot',
  'snapshot alone',
];
const EMPTY: State = { terms: new Map(), base: 0, baseTerm: 0, lastIndex: 0, snapshot: undefined, term: 1 };
const termAt = ({ terms, base, baseTerm }: State, index: number) =>
  index === base ? baseTerm : (terms.get(index) ?? 0);

/** Lives of a store that ended in crashes, and what is on its disk after the last. */
class History {
  readonly disk = new Map<string, Uint8Array>();
  /** What stands on the disk, or did: by sequence. */
  readonly writes = new Map<number, Write>();
  readonly fates = new Map<number, Fate>();
  /** In the place of each record, what another server would have written. */
  private readonly foreign = new Map<number, Uint8Array>();
  private readonly below: (limit: number) => number;
  private last: Write | undefined;
  private next = 1;
  private durable = 0;

  constructor(seed: number) {
    const random = randomFrom(seed);
    this.below = (limit) => Math.floor(random() * limit);
    this.disk.set(VERSION_KEY, encodeVersion());
    for (let lives = 1 + this.below(3); lives > 0; lives--) {
      const hasRemains = [...this.fates.values()].some((fate) => fate !== 'intact');
      const deletes = hasRemains && this.below(2) === 0;
      if (deletes) this.deleteRemains();
      for (let writes = 1 + this.below(7); writes > 0; writes--) this.write(!hasRemains || deletes);
      if (this.below(2) === 0) this.deleteDead();
      this.crash();
    }
  }

  /** D: the greatest number that any record that is left gives as durable. */
  get durableSequence(): number {
    const left = [...this.writes.values()].filter(({ sequence }) => this.isRecordIntact(sequence));
    return Math.max(0, ...left.map(({ durableSequence }) => durableSequence));
  }

  isRecordIntact(sequence: number): boolean {
    const { key } = this.writes.get(sequence)!;
    return this.disk.has(key) && !['damaged', 'missing', 'snapshot alone'].includes(this.fates.get(sequence)!);
  }

  /** The last write that counts: all before it that it follows are there, and were as they were meant. */
  get accepted(): Write | undefined {
    const isWhole = (write: Write) =>
      this.fates.get(write.sequence) === 'intact' &&
      (this.disk.has(write.key) || write.sequence < this.durableSequence);
    const isGood = (write: Write | undefined): boolean =>
      write === undefined || (isWhole(write) && isGood(write.parent));
    const good = [...this.writes.values()].filter(isGood);
    return good.sort((a, b) => b.sequence - a.sequence)[0];
  }

  private write(mayGrowDurable: boolean): void {
    const { below, last } = this;
    const before = last?.state ?? EMPTY;
    if (mayGrowDurable && last !== undefined && below(5) < 2) {
      // What the write before was written after is durable, or that one itself.
      const known = below(2) === 0 ? last.parent : last;
      this.durable = Math.max(this.durable, known?.sequence ?? 0);
    }
    const sequence = this.next + (below(6) === 0 ? 1 : 0);
    this.next = sequence + 1;
    const lowest = Math.max(before.base, before.snapshot?.index ?? 0) + 1;
    const draw = below(10);
    let state = before;
    let from = 0;
    let to = 0;
    let brings: SnapshotReference | undefined;
    if (draw < 2 && before.lastIndex >= lowest) {
      // Entries that replace others.
      from = lowest + below(before.lastIndex - lowest + 1);
      to = from + below(4);
      const kept = [...before.terms].filter(([index]) => index < from);
      state = { ...before, terms: new Map(kept), lastIndex: from - 1, term: before.term + 1 };
    } else if (draw < 6) {
      from = before.lastIndex + 1;
      to = from + below(4);
    } else if (draw === 6 && before.lastIndex >= lowest) {
      // A truncation alone.
      const lastIndex = lowest - 1 + below(before.lastIndex - lowest + 1);
      const terms = new Map([...before.terms].filter(([index]) => index <= lastIndex));
      // In its term nobody writes at an index twice.
      state = { ...before, terms, lastIndex, term: before.term + 1 };
    } else if (draw < 9 && before.lastIndex >= lowest) {
      const index = lowest + below(before.lastIndex - lowest + 1);
      const { value, checksum } = encodeSnapshot(snapshotAt(index, termAt(before, index)));
      this.disk.set(snapshotKey(index, sequence), value);
      brings = { index, sequence, checksum };
      const base = Math.max(before.base, index - below(3));
      const terms = new Map([...before.terms].filter(([each]) => each > base));
      state = { ...before, terms, base, baseTerm: termAt(before, base), snapshot: brings };
    } else state = { ...before, term: before.term + 1 };
    const previousTerm = from === 0 ? termAt(state, state.lastIndex) : termAt(state, from - 1);
    if (from !== 0) {
      const terms = new Map(state.terms);
      for (let index = from; index <= to; index++) terms.set(index, state.term);
      state = { ...state, terms, lastIndex: to };
    }
    const fields: RecordFields = {
      sequence,
      durableSequence: this.durable,
      previousSequence: last?.sequence ?? 0,
      previousChecksum: last?.checksum ?? 0,
      baseIndex: state.base,
      baseTerm: state.baseTerm,
      snapshot: state.snapshot,
      hardState: hard(state.term),
      lastIndex: state.lastIndex,
      lastTerm: termAt(state, state.lastIndex),
      previousTerm,
    };
    const entries = from === 0 ? [] : commands(from, to, state.term);
    const { value, checksum } = encodeRecord(fields, entries, recordsSize(entries));
    const key = from === 0 ? stateKey(sequence) : chunkKey(from, sequence);
    const broughtKey = brings && snapshotKey(brings.index, sequence);
    const { durable: durableSequence } = this;
    this.last = { sequence, key, value, checksum, parent: last, durableSequence, from, to, brings: broughtKey, state };
    this.writes.set(sequence, this.last);
    this.fates.set(sequence, 'intact');
    this.disk.set(key, value);
    this.foreign.set(sequence, encodeRecord({ ...fields, previousChecksum: 1 }, entries, recordsSize(entries)).value);
  }

  /** What is not known to be durable may be lost; the next life goes on from what is left. */
  private crash(): void {
    // No record may say that one is durable which is lost.
    const durableMax = Math.max(0, ...[...this.writes.values()].map(({ durableSequence }) => durableSequence));
    for (const [sequence, { key, brings, value }] of this.writes) {
      if (sequence <= durableMax || this.fates.get(sequence) !== 'intact') continue;
      let fate = FATES[this.below(FATES.length)]!;
      if (brings === undefined && fate.includes('snapshot')) fate = 'intact';
      this.fates.set(sequence, fate);
      if (fate === 'damaged') this.disk.set(key, value.with(value.length - 1, value[value.length - 1]! ^ 1));
      if (fate === 'missing' || fate === 'snapshot alone') this.disk.delete(key);
      if (fate === 'missing' && brings !== undefined) this.disk.delete(brings);
      if (fate === 'foreign') this.disk.set(key, this.foreign.get(sequence)!);
      if (fate === 'no snapshot') this.disk.delete(brings!);
      if (fate === 'other snapshot') this.disk.set(brings!, encodeSnapshot(snapshotAt(1, 999)).value);
    }
    this.last = this.accepted;
    this.durable = this.durableSequence;
    this.next = this.sequenceMax + 1;
  }

  /** The numbers in the keys that are there. */
  get sequenceMax(): number {
    const keys = [...this.disk.keys()].filter((key) => key !== VERSION_KEY);
    return Math.max(0, ...keys.map((key) => Number(key.slice(-16))));
  }

  private deleteRemains(): void {
    for (const [sequence, fate] of this.fates) {
      const { key, brings } = this.writes.get(sequence)!;
      const counts = sequence <= this.durable || this.follows(this.last, sequence);
      if (fate === 'intact' && counts) continue;
      this.disk.delete(key);
      if (brings !== undefined) this.disk.delete(brings);
      this.writes.delete(sequence);
      this.fates.delete(sequence);
    }
  }

  /** Whether `write` is the one with this number, or came after it. */
  follows(write: Write | undefined, sequence: number): boolean {
    for (let each = write; each !== undefined; each = each.parent) if (each.sequence === sequence) return true;
    return false;
  }

  /** Some of what was useless already when that was written of which a durable record says that it is durable. */
  private deleteDead(): void {
    const { durableSequence } = this;
    const told = [...this.writes.values()].filter(({ sequence }) => sequence <= durableSequence);
    const durable = this.writes.get(Math.max(0, ...told.map((each) => each.durableSequence)));
    if (durable === undefined) return;
    const { live } = liveOf(durable);
    for (const { sequence, key, brings } of this.writes.values()) {
      if (sequence >= durable.sequence || !this.follows(durable, sequence) || this.below(2) === 0) continue;
      if (!live.has(sequence)) this.disk.delete(key);
      if (brings !== undefined && durable.state.snapshot?.sequence !== sequence) this.disk.delete(brings);
    }
  }
}

/** Who holds each index of the log as of `last`: what is written later holds it instead. */
function liveOf(last: Write | undefined): { live: Set<number>; owners: Map<number, number> } {
  const lineage: Write[] = [];
  for (let each = last; each !== undefined; each = each.parent) lineage.unshift(each);
  const owners = new Map<number, number>();
  for (const { sequence, from, to, state } of lineage) {
    for (let index = from; from !== 0 && index <= to; index++) owners.set(index, sequence);
    for (const index of [...owners.keys()]) if (index <= state.base || index > state.lastIndex) owners.delete(index);
  }
  return { live: new Set(owners.values()), owners };
}

/** What is to be found, reckoned from what was written and what became of it, and not from the disk. */
function expected(history: History) {
  const { accepted: last, durableSequence, disk, writes } = history;
  const { live, owners } = liveOf(last);
  const counts = (sequence: number) => sequence <= durableSequence || history.follows(last, sequence);
  const dead: string[] = [];
  const remains: string[] = [];
  const dropped: [string, number, number, boolean][] = [];
  for (const { sequence, key, brings, from } of writes.values()) {
    if (disk.has(key)) {
      if (!counts(sequence)) {
        remains.push(key);
        dropped.push([key, sequence, from, history.isRecordIntact(sequence)]);
      } else if (!live.has(sequence) && sequence !== last?.sequence) dead.push(key);
    }
    if (brings === undefined || !disk.has(brings) || last?.state.snapshot?.sequence === sequence) continue;
    if (counts(sequence)) dead.push(brings);
    else remains.push(brings);
  }
  const chain: Write[] = [];
  for (let each = last; each !== undefined && each.sequence >= durableSequence; each = each.parent) chain.unshift(each);
  const order = [...owners.keys()].sort((a, b) => a - b).map((index) => owners.get(index)!);
  return {
    last: last?.sequence,
    lastIsState: last !== undefined && last.from === 0,
    snapshot: last?.state.snapshot?.index,
    chunks: [...new Set(order)].map((sequence) => [sequence, writes.get(sequence)!.from, writes.get(sequence)!.to]),
    remains: remains.sort(),
    dead: dead.sort(),
    anchoredSequence: Math.max(0, ...chain.map((each) => each.durableSequence)),
    nextSequence: history.sequenceMax + 1,
    durableSequence,
    accepted: chain.map(({ sequence, checksum }) => [sequence, checksum]),
    firstIndex: (last?.state.base ?? 0) + 1,
    lastIndex: last?.state.lastIndex ?? 0,
    dropped: dropped.sort((a, b) => a[1] - b[1]),
  };
}

function plain(found: Recovered): ReturnType<typeof expected> {
  const { last, lastIsState, snapshot, chunks, remains, dead, anchoredSequence, nextSequence, report } = found;
  const { durableSequence, accepted, firstIndex, lastIndex, dropped } = report;
  return {
    last: last?.sequence,
    lastIsState,
    snapshot: snapshot?.index,
    chunks: chunks.map((chunk) => [chunk.sequence, chunk.firstIndex, chunk.lastIndex]),
    remains: [...remains].sort(),
    dead: [...dead].sort(),
    anchoredSequence,
    nextSequence,
    durableSequence,
    accepted: accepted.map(({ sequence, checksum }) => [sequence, checksum]),
    firstIndex,
    lastIndex,
    dropped: dropped.map(({ key, sequence, firstIndex: from, reason }) => [key, sequence, from, /intact/.test(reason)]),
  };
}

const SEEDS = Array.from({ length: 1500 }, (_, at) => at + 1);
const diskOf = (content: ReadonlyMap<string, Uint8Array>) => new MemoryDisk('by-step', content);

describe('what recovery finds after crashes', () => {
  it('is what was written, as far as it is there and linked, and names everything else for what it is', () => {
    let drops = 0;
    let deadOnes = 0;
    for (const seed of SEEDS) {
      const history = new History(seed);
      const found = recover(diskOf(history.disk));
      expect(plain(found), `seed ${seed}`).toEqual(expected(history));
      expect(found.versionMissing).toBe(false);
      expect(found.report.found).toBe(found.last !== undefined);
      expect(found.report.chunks).toBe(found.chunks.length);
      drops += found.report.dropped.length;
      deadOnes += found.dead.length;
    }
    expect(drops).toBeGreaterThan(SEEDS.length / 2);
    expect(deadOnes).toBeGreaterThan(SEEDS.length / 2);
  });

  it('is an error where a chunk is gone that holds what was durable, whatever lies below it', () => {
    let refused = 0;
    for (const seed of SEEDS) {
      const history = new History(seed);
      for (const sequence of liveOf(history.accepted).live) {
        if (sequence > history.durableSequence) continue;
        const { key } = history.writes.get(sequence)!;
        const disk = diskOf(history.disk);
        disk.content.delete(key);
        expect(() => recover(disk), `seed ${seed} without ${key}`).toThrow(CorruptLogError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(SEEDS.length / 2);
  });
});
