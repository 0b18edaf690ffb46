import { describe, expect, it } from 'vitest';
import { type IncomingContent, simpleConfiguration } from '../../consensus/contract.ts';
import { contentBytes, MemoryContent, ReceivedContent } from '../../consensus/snapshotContent.ts';
import { ChunkedLogStore } from './chunkedLogStore.ts';
import { CorruptLogError, type DiskOperation } from './contract.ts';
import { PIECE_PREFIX, SNAPSHOT_PREFIX } from './keys.ts';
import { MemoryDisk } from './memoryDisk.ts';
import { PiecedDisk } from './piecedDisk.ts';
import { batch, commands, hard, Listener, randomFrom } from './testing.ts';

const LIMITS = { wholeBytesMax: 60, pieceBytes: 50 };
const configuration = simpleConfiguration([1, 2, 3]);

const bytesOf = (seed: number, length = 333) => Uint8Array.from({ length }, (_, i) => (i * seed) % 251);

/** Counts what waits for it. */
class CountedDisk extends MemoryDisk {
  waitingBytes = 0;
  mostBytes = 0;
  closes = 0;

  override write(operations: readonly DiskOperation[], sync: boolean, done: (error: Error | null) => void): void {
    const bytes = operations.reduce((sum, { value }) => sum + (value?.length ?? 0), 0);
    this.waitingBytes += bytes;
    this.mostBytes = Math.max(this.mostBytes, this.waitingBytes);
    super.write(operations, sync, (error) => {
      this.waitingBytes -= bytes;
      done(error);
    });
  }

  override close(): Promise<void> {
    this.closes++;
    return super.close();
  }
}

class Server {
  readonly listener = new Listener();
  readonly disk: CountedDisk;
  readonly store: ChunkedLogStore;
  mark: number;

  constructor(content?: ReadonlyMap<string, Uint8Array>) {
    this.disk = new CountedDisk('by-step', content);
    const pieced = new PiecedDisk(this.disk, LIMITS);
    this.store = ChunkedLogStore.open(pieced, this.listener, { cacheEntries: 100 }).store;
    this.mark = 0;
  }

  /** Of six entries, all durable. */
  static six(): Server {
    const server = new Server();
    server.persist({ entries: commands(1, 6, 1), hardState: hard(1, 1, 6) });
    return server.run();
  }

  persist(parts: Parameters<typeof batch>[1]): this {
    this.store.persist(batch(++this.mark, parts));
    return this;
  }

  run(): this {
    while (this.disk.step());
    return this;
  }

  content(index: number, length = 333): IncomingContent {
    return new ReceivedContent({ index, term: 1, configuration }, length);
  }

  /** What is received of it, in chunks of 20 bytes, from the chunk of this number on to before that one. */
  receive(content: IncomingContent, bytes: Uint8Array, from = 0, to = Number.POSITIVE_INFINITY): this {
    for (let number = from; number < to && number * 20 < bytes.length; number++) {
      this.persist({ pieces: [{ content, data: bytes.subarray(20 * number, 20 * number + 20) }] });
    }
    return this;
  }

  take(index: number, bytes: Uint8Array): this {
    const content = this.content(index, bytes.length);
    for (let at = 0; at < bytes.length; at += 20) {
      this.store.addPiece({ content, data: bytes.subarray(at, at + 20) });
      for (let steps = 0; !this.store.hasRoom && this.disk.step(); steps++) expect(steps).toBeLessThan(10);
    }
    this.store.storeSnapshot({ ...content.place, content }, 0);
    return this;
  }

  get snapshot() {
    const { index, content } = this.store.snapshot()!;
    return { index, bytes: contentBytes(content) };
  }

  get pieces(): number {
    return [...this.disk.content.keys()].filter((key) => key.startsWith(`${PIECE_PREFIX}${SNAPSHOT_PREFIX}`)).length;
  }
}

describe('a snapshot that comes in pieces', () => {
  it('is on the disk as far as it came, and is the log’s beginning once it is whole', () => {
    const server = Server.six();
    const content = server.content(100);
    const bytes = bytesOf(7);
    server.receive(content, bytes, 0, 16).run();
    expect(server.pieces).toBe(5);
    expect(server.store.snapshot()).toBeUndefined();
    expect(server.listener.marks.at(-1)).toBe(server.mark);
    server.receive(content, bytes, 16);
    server.persist({ snapshot: { ...content.place, content }, hardState: hard(1, 1, 100) }).run();
    expect(server.listener.marks.at(-1)).toBe(server.mark);
    for (const each of [server, new Server(server.disk.content)]) {
      expect(each.snapshot).toEqual({ index: 100, bytes });
      expect([each.store.firstIndex, each.store.lastIndex]).toEqual([101, 100]);
    }
  });

  it('is whole in the turn in which the next one begins, and both are taken', () => {
    const server = Server.six();
    const [first, next] = [server.content(100), server.content(200)];
    server.receive(first, bytesOf(7), 0, 16);
    const pieces = [
      { content: first, data: bytesOf(7).subarray(320) },
      { content: next, data: bytesOf(9).subarray(0, 20) },
    ];
    server.persist({ pieces, snapshot: { ...first.place, content: first }, hardState: hard(1, 1, 100) }).run();
    expect(server.snapshot).toEqual({ index: 100, bytes: bytesOf(7) });
    server.receive(next, bytesOf(9), 1);
    server.persist({ snapshot: { ...next.place, content: next }, hardState: hard(1, 1, 200) }).run();
    expect(server.snapshot).toEqual({ index: 200, bytes: bytesOf(9) });
    expect(new Server(server.disk.content).snapshot).toEqual({ index: 200, bytes: bytesOf(9) });
  });

  it('has nothing at its end, whatever its size is', () => {
    // With its head of 16 bytes, a value that ends with a piece.
    for (const length of [333, 334, 384]) {
      const server = Server.six();
      server.take(5, bytesOf(3, length)).run();
      expect(server.store.snapshot()!.content.read(length, 20)).toHaveLength(0);
    }
  });

  it('is acknowledged no further than the disk is behind by a piece', () => {
    const server = Server.six();
    server.receive(server.content(100), bytesOf(7), 0, 12);
    const { mark } = server;
    // The records of all twelve, but only a piece.
    for (let steps = 0; steps < 3; steps++) server.disk.step();
    expect(server.listener.marks.at(-1)).toBeLessThan(mark);
    server.run();
    expect(server.listener.marks.at(-1)).toBe(mark);
  });

  it('is read from the disk in parts of any size, and never where a piece of it is damaged', () => {
    const server = Server.six();
    const bytes = bytesOf(3);
    server.take(5, bytes).run();
    // Which tell that it was durable.
    for (let i = 0; i < 2; i++) server.persist({ hardState: hard(2 + i) }).run();
    const { content } = new Server(server.disk.content).store.snapshot()!;
    for (const [offset, length] of [
      [0, 1],
      [0, 333],
      [17, 60],
      [300, 100],
      [333, 5],
    ] as const) {
      expect(content.read(offset, length)).toEqual(bytes.slice(offset, offset + length));
    }
    const damaged = new Server(server.disk.content);
    const key = [...damaged.disk.content.keys()].filter((each) =>
      each.startsWith(`${PIECE_PREFIX}${SNAPSHOT_PREFIX}`),
    )[3]!;
    damaged.disk.content.set(
      key,
      damaged.disk.content.get(key)!.map((byte) => byte ^ 1),
    );
    expect(() => contentBytes(damaged.store.snapshot()!.content)).toThrow(CorruptLogError);
    expect(() => new Server(damaged.disk.content)).toThrow(CorruptLogError);
  });

  it('keeps no more waiting than a few pieces, however large it is', () => {
    const server = Server.six();
    const content = server.content(5, 20_000);
    const bytes = bytesOf(5, 20_000);
    for (let at = 0; at < bytes.length; at += 20) {
      while (!server.store.hasRoom) server.disk.step();
      server.store.addPiece({ content, data: bytes.subarray(at, at + 20) });
    }
    expect(server.disk.mostBytes).toBeLessThan(500);
    server.store.storeSnapshot({ ...content.place, content }, 0);
    expect(server.run().snapshot).toEqual({ index: 5, bytes });
  });

  it('that was taken cuts no log before all of it is on the disk, and entries are written meanwhile', () => {
    const server = Server.six();
    server.take(5, bytesOf(2));
    expect([server.store.firstIndex, server.store.snapshot()]).toEqual([1, undefined]);
    server.persist({ entries: commands(7, 7, 1) });
    server.run();
    expect(server.store.firstIndex).toBe(6);
    expect(server.listener.snapshots).toEqual([5]);
    expect(new Server(server.disk.content).snapshot).toEqual({ index: 5, bytes: bytesOf(2) });
    expect(new Server(server.disk.content).store.lastIndex).toBe(7);
  });

  it('of which nobody goes on leaves nothing', () => {
    const server = Server.six();
    server.receive(server.content(100), bytesOf(7), 0, 12).run();
    const next = server.content(200);
    server.receive(next, bytesOf(9));
    server.persist({ snapshot: { ...next.place, content: next }, hardState: hard(1, 1, 200) }).run();
    for (let i = 0; i < 4; i++) server.persist({ hardState: hard(2 + i) }).run();
    expect(server.snapshot).toEqual({ index: 200, bytes: bytesOf(9) });
    expect(server.pieces).toBe(7);
  });

  it('was deleted before the last of it was written where nobody went on, and so stayed', () => {
    const server = Server.six();
    server.receive(server.content(100, 1000), bytesOf(7, 1000)).receive(server.content(200), bytesOf(9), 0, 1);
    // Records go on beside the pieces of the first, which are written one at a time.
    for (let i = 0; i < 8; i++) {
      server.persist({ hardState: hard(2 + i) });
      for (let steps = 0; steps < 2; steps++) server.disk.step();
    }
    server.run();
    for (let i = 0; i < 4; i++) server.persist({ hardState: hard(20 + i) }).run();
    expect(server.pieces).toBe(0);
  });

  it('is written as far as it came before the disk is closed, which it is once', async () => {
    const server = Server.six();
    server.receive(server.content(100), bytesOf(7), 0, 12);
    const closed = server.store.close();
    server.run();
    await closed;
    expect([server.disk.closes, server.listener.marks.at(-1)]).toEqual([1, server.mark]);
  });

  it('stays while somebody is sent it, and no longer', () => {
    const server = Server.six();
    server.take(2, bytesOf(2)).run();
    const first = server.store.snapshot()!;
    const content = server.content(4);
    server.store.addPiece({ content, data: bytesOf(4) });
    server.store.storeSnapshot({ ...content.place, content }, 0, () => [first]);
    server.run();
    for (let i = 0; i < 4; i++) server.persist({ hardState: hard(2 + i) }).run();
    expect(contentBytes(first.content)).toEqual(bytesOf(2));
    server.take(6, bytesOf(6)).run();
    for (let i = 0; i < 4; i++) server.persist({ hardState: hard(6 + i) }).run();
    expect(server.snapshot).toEqual({ index: 6, bytes: bytesOf(6) });
    expect(server.pieces).toBe(7);
  });

  it('stays so as well where a later one takes its place before any record names it', () => {
    const server = Server.six();
    server.take(2, bytesOf(2, 100));
    // Its last piece is written while a record is, for which its own waits.
    for (let term = 2; server.store.snapshot() === undefined; term++) {
      server.persist({ hardState: hard(term) });
      server.disk.step();
    }
    const first = server.store.snapshot()!;
    const content = server.content(4, 20);
    server.store.addPiece({ content, data: bytesOf(4, 20) });
    server.store.storeSnapshot({ ...content.place, content }, 0, () => [first]);
    expect(server.snapshot.index).toBe(4);
    server.run();
    for (let i = 0; i < 6; i++) server.persist({ hardState: hard(100 + i) }).run();
    expect(contentBytes(first.content)).toEqual(bytesOf(2, 100));
    expect(server.pieces).toBe(3);
    server.take(6, bytesOf(6, 20)).run();
    for (let i = 0; i < 6; i++) server.persist({ hardState: hard(200 + i) }).run();
    expect(server.pieces).toBe(0);
  });

  it('is there whole or not at all after a crash at any place, and what is left of it is deleted', () => {
    for (let seed = 0; seed < 150; seed++) {
      const random = randomFrom(seed);
      const server = Server.six();
      const isTaken = seed % 2 === 0;
      if (isTaken) server.take(5, bytesOf(2));
      else {
        const content = server.content(100);
        server.receive(content, bytesOf(7));
        server.persist({ snapshot: { ...content.place, content }, hardState: hard(1, 1, 100) });
      }
      for (let steps = Math.floor(random() * 40); steps > 0; steps--) server.disk.step();
      const wasStored = isTaken ? server.listener.snapshots.length > 0 : server.listener.marks.at(-1) === server.mark;
      const found = new Server(server.disk.crash(random).content);
      const snapshot = found.store.snapshot();
      if (wasStored) expect(snapshot).toBeDefined();
      if (snapshot === undefined) expect([found.store.firstIndex, found.store.lastIndex]).toEqual([1, 6]);
      else expect(found.snapshot.bytes).toEqual(bytesOf(isTaken ? 2 : 7));
      for (let i = 0; i < 5; i++) found.persist({ hardState: hard(2 + i) }).run();
      expect(found.pieces).toBe(snapshot === undefined ? 0 : 7);
      if (snapshot !== undefined) expect(new Server(found.disk.content).snapshot.bytes).toEqual(found.snapshot.bytes);
    }
  });

  it('is taken in as well where it is in memory at once', () => {
    const server = Server.six();
    const content = new MemoryContent(bytesOf(7));
    server.persist({ snapshot: { index: 50, term: 1, configuration, content }, hardState: hard(1, 1, 50) }).run();
    expect(new Server(server.disk.content).snapshot).toEqual({ index: 50, bytes: bytesOf(7) });
  });
});
