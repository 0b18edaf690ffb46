import { ByteWriter } from '../../bytes/byteWriter.ts';
import { type HardState, type PersistBatch, type Snapshot, simpleConfiguration } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import type { Binding } from './binding.ts';
import type { ChunkedLogStore } from './chunkedLogStore.ts';
import type { LogStore, LogStoreListener } from './contract.ts';
import { decodeEntry, encodeBinding, type JournalEntry } from './journalEntry.ts';
import { atOnce, type Later } from './laggingDisk.ts';
import { MEMORY_AREA, MemoryDisk, MemoryPromisedArea } from './memoryDisk.ts';
import { openMemoryLogStore } from './openLogStore.ts';
import { type RecordFields, seal } from './record.ts';
import { encodeSnapshotHead } from './snapshotRecord.ts';

/** Things that the tests of this folder share. */

/** Remembers what a store said, and lets a test wait for it. */
export class Listener implements LogStoreListener {
  readonly marks: number[] = [];
  readonly snapshots: number[] = [];
  readonly failures: Error[] = [];
  private waiting: (() => void)[] = [];

  durable(mark: number): void {
    this.marks.push(mark);
    this.wake();
  }

  snapshotStored(index: number): void {
    this.snapshots.push(index);
    this.wake();
  }

  failed(error: Error): void {
    this.failures.push(error);
    this.wake();
  }

  private wake(): void {
    const waiting = this.waiting;
    this.waiting = [];
    for (const wake of waiting) wake();
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.waiting.push(resolve));
  }
}

const text = new TextEncoder();

export function command(index: number, term: number, data = `e${index}t${term}`): Entry {
  return new Entry(index, term, EntryType.Normal, text.encode(data));
}

export function commands(from: number, to: number, term: number): Entry[] {
  const entries: Entry[] = [];
  for (let index = from; index <= to; index++) entries.push(command(index, term));
  return entries;
}

/** Two stores need entries of their own: encoding leaves its mark on an entry. */
export function copyOf(entry: Entry): Entry {
  return new Entry(entry.index, entry.term, entry.type, entry.data);
}

/** As a snapshot stands on a disk where it is whole. */
export function encodeSnapshot(snapshot: Snapshot): { readonly value: Uint8Array; readonly checksum: number } {
  const value = new Uint8Array(Buffer.concat([encodeSnapshotHead(snapshot), contentBytes(snapshot.content)]));
  return { value, checksum: seal(value) };
}

export function snapshotAt(index: number, term: number, data = `s${index}t${term}`): Snapshot {
  return {
    index,
    term,
    configuration: simpleConfiguration([1, 2, 3], [4]),
    content: new MemoryContent(text.encode(data)),
  };
}

export function hard(term: number, vote = 0, commit = 0): HardState {
  return { term, vote, commit };
}

/** What stands at the head of the record of write `sequence` in a log of term 1 that ends at `lastIndex`. */
export function recordFields(sequence: number, durableSequence: number, lastIndex: number): RecordFields {
  return {
    sequence,
    durableSequence,
    previousSequence: sequence - 1,
    previousChecksum: 0,
    baseIndex: 0,
    baseTerm: 0,
    snapshot: undefined,
    hardState: hard(1),
    lastIndex,
    lastTerm: 1,
    previousTerm: 1,
  };
}

/** A batch from the parts given. */
export function batch(mark: number, parts: Partial<Omit<PersistBatch, 'mark'>>): PersistBatch {
  return { mark, entries: parts.entries ?? [], mustSync: parts.mustSync ?? true, ...parts };
}

/** Everything a store shows, as plain values that can be compared. */
export function contentOf(store: LogStore): object {
  const entries =
    store.lastIndex < store.firstIndex ? [] : store.entries(store.firstIndex, store.lastIndex, Number.MAX_SAFE_INTEGER);
  const plain = (entry: Entry) => [entry.index, entry.term, entry.type, Array.from(entry.data)];
  const snapshot = store.snapshot();
  const terms: (number | undefined)[] = [];
  for (let index = store.firstIndex - 2; index <= store.lastIndex + 1; index++) terms.push(store.term(index));
  return {
    firstIndex: store.firstIndex,
    lastIndex: store.lastIndex,
    terms,
    entries: entries.map(plain),
    configurations: store.configurationEntries().map(plain),
    fences: store.fenceEntries().map(plain),
    hardState: { ...store.hardState },
    snapshot: snapshot === undefined ? undefined : { ...snapshot, content: Array.from(contentBytes(snapshot.content)) },
  };
}

/** A deterministic source of numbers in [0, 1), for tests (Steele and others, SplitMix, with 32 bits). */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** What is to be done later: when a test says so. */
export class Postponed {
  private readonly waiting: (() => void)[] = [];

  get count(): number {
    return this.waiting.length;
  }

  readonly later: Later = (run) => void this.waiting.push(run);

  /** Does the first of it; false where there is none. */
  run(): boolean {
    const run = this.waiting.shift();
    run?.();
    return run !== undefined;
  }
}

/** A store with its journal on a disk in memory, whose writes are done when the test says so. */
export class Machine {
  disk: MemoryDisk;
  area: MemoryPromisedArea;
  listener = new Listener();
  store: ChunkedLogStore;
  /** What was said when all that was found was promised. */
  readonly settled: (Error | null)[] = [];

  constructor(
    content?: ReadonlyMap<string, Uint8Array>,
    promised?: Uint8Array,
    disk = new MemoryDisk('by-step', content),
    later: Later = atOnce,
  ) {
    this.disk = disk;
    this.area = new MemoryPromisedArea('by-step', promised);
    const settled = (error: Error | null) => this.settled.push(error);
    const options = { cacheEntries: 1000 };
    this.store = openMemoryLogStore(this.listener, options, this.disk, this.area, settled, later).store;
  }

  run(): void {
    while (this.disk.step() || this.area.step()) {}
  }

  copy(): { content: Map<string, Uint8Array>; promised: Uint8Array } {
    return { content: new Map(this.disk.content), promised: this.area.content! };
  }
}

/** `count` synced writes of one entry each, and an unsynced one after each. */
export function written(count: number, machine = new Machine()): Machine {
  const first = machine.store.lastIndex + 1;
  for (let index = first; index < first + count; index++) {
    machine.store.persist(batch(2 * index, { entries: commands(index, index, 1), hardState: hard(1, 1, index - 1) }));
    machine.run();
    machine.store.persist(batch(2 * index + 1, { hardState: hard(1, 1, index), mustSync: false }));
    machine.run();
  }
  return machine;
}

/** A copy with the bit flipped that is the last one of byte `at`. */
export function flipped(bytes: Uint8Array, at: number): Uint8Array {
  const copy = Uint8Array.from(bytes);
  copy[at]! ^= 1;
  return copy;
}

/** A slot of a promised area as versions of the program wrote it that had no journal (journalEntry.ts). */
export function encodeSlot(
  storeId: Uint8Array,
  binding: Binding | undefined,
  sequence: number,
  checksum: number,
  records: readonly { readonly value: Uint8Array }[],
): Uint8Array {
  const fields = new ByteWriter();
  for (const number of [sequence, checksum, records.length, ...records.map(({ value }) => value.length)]) {
    fields.varint(number);
  }
  const start = Uint8Array.from([0, 0, 0, 0, 0, 0, ...text.encode('rkvp'), binding === undefined ? 1 : 2]);
  const bound = binding === undefined ? new Uint8Array(0) : encodeBinding(binding);
  const header = Buffer.concat([start, storeId, bound, fields.finish()]);
  header.writeUInt16LE(header.length, 4);
  seal(header);
  return new Uint8Array(Buffer.concat([header, ...records.map(({ value }) => value)]));
}

/** Every entry of an area that can be read, by number. */
export function entriesIn(area: Uint8Array, blockBytes: number = MEMORY_AREA.blockBytes): JournalEntry[] {
  const entries: JournalEntry[] = [];
  for (let at = 0; at < area.length; at += blockBytes) {
    const entry = decodeEntry(area.subarray(at));
    if (entry !== undefined) entries.push(entry);
  }
  return entries.sort((one, other) => one.number - other.number);
}
