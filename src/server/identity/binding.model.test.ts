import { describe, expect, it } from 'vitest';
import { ChunkedLogStore } from '../storage/chunkedLogStore.ts';
import { LostWritesError, RefusedDataError, UnknownPromiseError } from '../storage/contract.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { PromisedDisk } from '../storage/promisedDisk.ts';
import { batch, commands, entriesIn, hard, Listener, randomFrom } from '../storage/testing.ts';
import { checkBinding, OtherStartError } from './binding.ts';
import { blankIdentity, type Identity } from './identity.ts';
import { KeptIdentity } from './keptIdentity.ts';

/** All that a server keeps, as it stands at some time. */
interface Kept {
  readonly identity: Identity;
  readonly content: ReadonlyMap<string, Uint8Array>;
  readonly promised: Uint8Array | undefined;
}

const EMPTY: Kept = { identity: blankIdentity(1, 'etcd', 'folder', 'member'), content: new Map(), promised: undefined };

class KeptInMemory extends KeptIdentity {
  kept: Identity;

  constructor(last: Identity, life: string) {
    super(last, life);
    this.kept = last;
  }

  protected override store(next: Identity): void {
    this.kept = next;
  }
}

let lives = 0;

/** A start that does one step at a time: what it found is settled, bound to it, it counts, and then it writes. */
class Start {
  readonly store: ChunkedLogStore;
  private readonly identity: KeptInMemory;
  private readonly disk: MemoryDisk;
  private readonly area: MemoryPromisedArea;
  private readonly listener = new Listener();
  private mayCount = false;
  counts = false;

  /** Throws OtherStartError, among others. */
  constructor({ identity, content, promised: found }: Kept) {
    this.identity = new KeptInMemory(identity, `life ${++lives}`);
    this.disk = new MemoryDisk('by-step', content);
    this.area = new MemoryPromisedArea('by-step', found);
    const promised = PromisedDisk.open(this.disk, this.area, () => new Uint8Array(16).fill(lives));
    const open = (whole: PromisedDisk) => ChunkedLogStore.open(whole, this.listener, { cacheEntries: 100 });
    const check = (found: Parameters<typeof checkBinding>[2]) => checkBinding('the folder', identity, found);
    this.store = promised.recover(() => open(promised), check).store;
    promised.settle((failure) => {
      expect(failure).toBeNull();
      promised.bind(this.identity.startName, () => {
        this.mayCount = true;
      });
    });
  }

  /** False where nothing is left to be done. */
  step(): boolean {
    if (this.disk.step() || this.area.step()) return true;
    if (!this.mayCount || this.counts) return false;
    this.identity.noteBound();
    this.identity.countStart();
    this.counts = true;
    return true;
  }

  run(): this {
    while (this.step()) {}
    return this;
  }

  /** Appends an entry; it is acknowledged once it was run to its end. */
  write(): void {
    const index = this.store.lastIndex + 1;
    this.store.persist(batch(index, { entries: commands(index, index, 1), hardState: hard(1, 1, index - 1) }));
  }

  get acknowledged(): number {
    return Math.max(0, ...this.listener.marks);
  }

  /** What is there while it runs, or after the end of the process. */
  get kept(): Kept {
    return { identity: this.identity.kept, content: new Map(this.disk.content), promised: this.area.content };
  }

  /** What a crash of the machine leaves. */
  crash(random: () => number): Kept {
    const { content } = this.disk.crash(random);
    return { identity: this.identity.kept, content, promised: this.area.crash(random).content };
  }
}

/** So many entries more, written in a start of their own. */
function grown(kept: Kept, count: number): Kept {
  const start = new Start(kept).run();
  for (let i = 0; i < count; i++) {
    start.write();
    start.run();
  }
  return start.kept;
}

/** As a version left it that binds nothing. */
function unbound(count: number): Kept {
  const [disk, area] = [new MemoryDisk('by-step'), new MemoryPromisedArea('by-step')];
  const promised = PromisedDisk.open(disk, area, () => new Uint8Array(16));
  const { store } = promised.recover((whole) => ChunkedLogStore.open(whole, new Listener(), { cacheEntries: 100 }));
  for (let index = 1; index <= count; index++) {
    store.persist(batch(index, { entries: commands(index, index, 1), hardState: hard(1, 1, index - 1) }));
    while (disk.step() || area.step()) {}
  }
  return { ...EMPTY, content: disk.content, promised: area.content };
}

describe('data that are bound to the starts of their server', () => {
  it.each([
    ['that were never started', EMPTY, 0],
    ['of a version that binds nothing', unbound(3), 3],
    ['that were bound before', grown(grown(EMPTY, 2), 1), 3],
  ])('are refused by no start, wherever crashes interrupt those before it, %s', (_, kept, count) => {
    const steps = () => {
      const start = new Start(kept);
      let done = 0;
      while (start.step()) done++;
      return done;
    };
    const last = steps();
    expect(last).toBeGreaterThanOrEqual(4 - Number(count === 0));
    for (let first = 0; first <= last; first++) {
      for (let second = 0; second <= last; second++) {
        for (let seed = 1; seed <= 4; seed++) {
          const random = randomFrom(100 * first + 10 * second + seed);
          let left = kept;
          for (const interruptedAt of [first, second, second]) {
            const start = new Start(left);
            for (let step = 0; step < interruptedAt; step++) start.step();
            left = seed === 1 ? start.kept : start.crash(random);
          }
          const { store, counts } = new Start(grown(left, 1)).run();
          expect([store.lastIndex, counts]).toEqual([count + 1, true]);
        }
      }
    }
  });

  it('say which start was bound last, and that the one before settled them', () => {
    for (let writes = 0; writes < 2; writes++) {
      let kept = grown(EMPTY, 2 + writes);
      for (let i = 0; i < 3; i++) {
        const before = kept.identity.life;
        kept = grown(kept, 0);
        const [settled, bound] = entriesIn(kept.promised!).slice(-2);
        expect(settled!.sequence).toBe(bound!.sequence);
        expect([settled!.binding!.life, bound!.binding!.life]).toEqual([before, kept.identity.life]);
      }
    }
  });

  it('are settled in the name of the start before: this one may yet be refused, and may not count', () => {
    const kept = grown(EMPTY, 3);
    const start = new Start(kept);
    const boundTo = () => entriesIn(start.kept.promised!).at(-1)!.binding!.boots;
    const seen = [];
    do seen.push([boundTo(), start.counts]);
    while (start.step());
    expect(seen).toEqual([
      [1, false],
      [1, false],
      [1, false],
      [2, false],
      [2, true],
    ]);
  });

  it('name the last write also where they are bound after it', () => {
    const disk = new MemoryDisk('by-step');
    const area = new MemoryPromisedArea('by-step');
    const promised = PromisedDisk.open(disk, area, () => new Uint8Array(16));
    const { store } = promised.recover((whole) => ChunkedLogStore.open(whole, new Listener(), { cacheEntries: 100 }));
    store.persist(batch(1, { entries: commands(1, 1, 1), hardState: hard(1) }));
    while (disk.step() || area.step()) {}
    promised.bind({ boots: 1, life: 'a', previous: '' }, () => {});
    while (disk.step() || area.step()) {}
    expect(entriesIn(area.content!).map(({ sequence }) => sequence)).toEqual([0, 1, 1]);
    const again = PromisedDisk.open(disk, new MemoryPromisedArea('by-step', area.content), () => new Uint8Array(16));
    let found = '';
    again.recover(
      (whole) => ChunkedLogStore.open(whole, new Listener(), { cacheEntries: 100 }),
      (binding) => {
        found = binding!.life;
      },
    );
    expect(found).toBe('a');
  });

  it('are refused, older or gone, beside the identity of any later start: it lost what was acknowledged in between', () => {
    for (let seed = 1; seed <= 60; seed++) {
      const random = randomFrom(seed);
      let kept = random() < 0.5 ? EMPTY : unbound(2);
      const copies: Kept[] = [];
      for (let life = 0; life < 6; life++) {
        const start = new Start(kept).run();
        const writes = Math.floor(random() * 4);
        for (let i = 0; i < writes; i++) {
          start.write();
          start.run();
        }
        if (random() < 0.3) start.write();
        const { acknowledged } = start;
        kept = random() < 0.5 ? start.crash(random) : start.kept;
        expect(new Start(kept).store.lastIndex).toBeGreaterThanOrEqual(acknowledged);
        for (const { content, promised } of copies) {
          expect(() => new Start({ ...kept, content, promised })).toThrow(OtherStartError);
        }
        expect(() => new Start({ ...kept, content: new Map(), promised: undefined })).toThrow(OtherStartError);
        copies.push(kept);
      }
      const older = copies.slice(0, -2).filter(({ identity }) => identity.isBound);
      for (const { identity } of older) expect(() => new Start({ ...kept, identity })).toThrow(RefusedDataError);
    }
  });

  it('that lost their end are said to have lost it, whatever they are bound to', () => {
    const kept = grown(grown(EMPTY, 3), 3);
    const older = grown(EMPTY, 1).content;
    expect(() => new Start({ ...kept, content: older })).toThrow(UnknownPromiseError);
    expect(() => new Start({ ...kept, content: new Map(), identity: grown(kept, 0).identity })).toThrow(
      LostWritesError,
    );
  });

  it('are left as they are by a start that is refused', () => {
    const copy = grown(EMPTY, 2);
    const kept = { ...copy, identity: grown(copy, 1).identity };
    const disk = new MemoryDisk('by-step', kept.content);
    const area = new MemoryPromisedArea('by-step', kept.promised);
    const promised = PromisedDisk.open(disk, area, () => new Uint8Array(16));
    const open = () =>
      promised.recover(
        (whole) => ChunkedLogStore.open(whole, new Listener(), { cacheEntries: 100 }),
        (found) => checkBinding('the folder', kept.identity, found),
      );
    expect(open).toThrow(OtherStartError);
    expect(disk.step() || area.step()).toBe(false);
  });
});
