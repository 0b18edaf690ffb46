import { describe, expect, it } from 'vitest';
import type { EngineKind, Envelope, NodeId } from '../../consensus/contract.ts';
import { ENGINES, loadEngines } from '../../consensus/engines.ts';
import { engine as primer } from '../../consensus/testing/primer/index.ts';
import { CommandType, encodeCommand } from '../../wire/command.ts';
import { MemoryDisk, MemoryPromisedArea } from '../storage/memoryDisk.ts';
import { openMemoryLogStore } from '../storage/openLogStore.ts';
import { Listener } from '../storage/testing.ts';
import { type DrivenOptions, type DrivenReplica, drivenReplica } from './testing/drivenReplica.ts';

const REGISTER = encodeCommand({ type: CommandType.Register });
const SINK = { commandDone: () => {}, lookupDone: () => {} };
/** More than an engine keeps in memory by itself. */
const ENTRIES = 1500;

/** Counts what is read of it. */
class CountedDisk extends MemoryDisk {
  reads = 0;

  override get(key: string): Uint8Array | undefined {
    this.reads++;
    return super.get(key);
  }
}

type Knobs = Pick<
  DrivenOptions<unknown>,
  'cacheEntries' | 'snapshotEveryEntries' | 'trailingEntries' | 'originalEntries'
> & {
  /** Of the originals, which take no snapshots. */
  readonly originals?: readonly NodeId[];
};

/** Three real replicas on disks in memory. Server 1 leads; server 3 is away until `isBack`. */
class Replicas {
  isBack = false;
  /** Server 3 was given a state in the place of entries. */
  wasGiven = false;
  readonly disk = new CountedDisk();
  private readonly kind: EngineKind<unknown>;
  private readonly all: ReadonlyMap<NodeId, DrivenReplica<unknown>>;
  private mail: { readonly from: NodeId; readonly to: NodeId; readonly bytes: Uint8Array }[] = [];

  constructor(kind: EngineKind<unknown>, knobs: Knobs) {
    this.kind = kind;
    this.all = new Map([1, 2, 3].map((id) => [id, this.replica(id, knobs)]));
  }

  private replica(id: NodeId, knobs: Knobs): DrivenReplica<unknown> {
    const send = (envelopes: readonly Envelope<unknown>[]) => {
      for (const { to, message } of envelopes) this.mail.push({ from: id, to, bytes: this.kind.codec.encode(message) });
    };
    const restored = () => {
      if (id === 3) this.wasGiven = true;
    };
    const { originals = [], ...others } = knobs;
    const own = id === 1 ? { disk: this.disk, ...others } : {};
    return drivenReplica(this.kind, {
      id,
      bootstrap: [1, 2, 3],
      patience: id / 4,
      environment: { send, restored, takeNoSnapshots: () => originals },
      ...own,
    });
  }

  get leader(): DrivenReplica<unknown> {
    return this.all.get(1)!;
  }

  get late(): DrivenReplica<unknown> {
    return this.all.get(3)!;
  }

  async step(): Promise<void> {
    for (const [id, each] of this.all) if (id !== 3 || this.isBack) await each.step();
    const mail = this.mail;
    this.mail = [];
    for (const { from, to, bytes } of mail) {
      if (to === 3 && !this.isBack) continue;
      this.all.get(to)!.replica.receive(from, this.kind.codec.decode(bytes));
    }
  }

  async until(isSo: () => boolean): Promise<void> {
    for (let steps = 0; !isSo(); steps++) {
      expect(steps).toBeLessThan(2000);
      await this.step();
    }
  }

  /** Server 1 is elected, and takes so many entries without server 3. */
  async fill(): Promise<void> {
    const { replica } = this.leader;
    await this.until(() => replica.leads);
    for (let left = ENTRIES; left > 0; left -= 50) {
      const { appliedIndex } = replica.status();
      for (let i = 0; i < 50; i++) replica.submit(REGISTER, SINK, i);
      await this.until(() => replica.status().appliedIndex >= appliedIndex + 50);
    }
  }

  /** Server 3 comes, and is brought up to date. */
  async bringBack(): Promise<void> {
    this.isBack = true;
    await this.until(() => this.late.replica.status().appliedIndex >= this.leader.replica.status().appliedIndex);
  }

  async close(): Promise<void> {
    for (const { replica, store } of this.all.values()) {
      replica.stop();
      await store.close();
    }
  }
}

const engines = Object.entries({ ...(await loadEngines(ENGINES)), primer });

describe.each(engines)('what a server keeps, under the %s engine:', (_name, { kind }) => {
  it.each([
    [0, (reads: number) => reads > ENTRIES / 100],
    [10 * ENTRIES, (reads: number) => reads === 0],
  ])('with a cache of %i entries, what a late follower lacks is read from disk or not', async (cacheEntries, isSo) => {
    const replicas = new Replicas(kind, { cacheEntries });
    await replicas.fill();
    const before = replicas.disk.reads;
    await replicas.bringBack();
    const reads = replicas.disk.reads - before;
    expect(isSo(reads), `${reads} reads`).toBe(true);
    expect(replicas.wasGiven).toBe(false);
    await replicas.close();
  });

  it.each([
    [100, true],
    [2 * ENTRIES, false],
  ])('with %i trailing entries a late follower is given a state or not', async (trailingEntries, isGiven) => {
    const replicas = new Replicas(kind, { snapshotEveryEntries: 500, trailingEntries, cacheEntries: 10_000 });
    await replicas.fill();
    const { store } = replicas.leader;
    const { index } = store.snapshot()!;
    expect(store.firstIndex).toBe(Math.max(0, index - trailingEntries) + 1);
    await replicas.bringBack();
    expect(replicas.wasGiven).toBe(isGiven);
    await replicas.close();
  });

  it.each([
    ['of the original', [3], 2 * ENTRIES, false],
    ['of the original, with less kept for it', [3], 50, true],
    ['of ours', [], 2 * ENTRIES, true],
    ['of ours, beside one of the original that is no member', [4], 2 * ENTRIES, true],
  ])('a late follower %s is given a state or not', async (_kind, originals, originalEntries, isGiven) => {
    const knobs = { snapshotEveryEntries: 500, trailingEntries: 100, originalEntries, originals, cacheEntries: 10_000 };
    const replicas = new Replicas(kind, knobs);
    await replicas.fill();
    const { store } = replicas.leader;
    const kept = isGiven ? 100 : originalEntries;
    expect(store.firstIndex).toBe(Math.max(0, store.snapshot()!.index - kept) + 1);
    await replicas.bringBack();
    expect(replicas.wasGiven).toBe(isGiven);
    await replicas.close();
  });

  it.each([
    [0, []],
    [20, [20, 40, 60, 80, 100]],
    [35, [35, 70]],
  ])('with snapshots every %i entries, these are on disk', async (snapshotEveryEntries, taken) => {
    const [disk, area] = [new MemoryDisk(), new MemoryPromisedArea()];
    const stored: number[] = [];
    const prepare: DrivenOptions<unknown>['prepare'] = (store) => {
      const storeSnapshot = store.storeSnapshot.bind(store);
      store.storeSnapshot = (snapshot, trailing) => {
        stored.push(snapshot.index);
        storeSnapshot(snapshot, trailing);
      };
    };
    const knobs = { snapshotEveryEntries, trailingEntries: 7 };
    const { replica, store, step } = drivenReplica(kind, { bootstrap: [1], disk, area, prepare, ...knobs });
    while (replica.status().appliedIndex < 104) {
      if (replica.leads) replica.submit(REGISTER, SINK, 0);
      await step();
    }
    replica.stop();
    await store.close();
    expect(stored).toEqual(taken);
    const found = openMemoryLogStore(
      new Listener(),
      { cacheEntries: 1000 },
      disk,
      new MemoryPromisedArea('automatic', area.content),
    ).store;
    const last = taken.at(-1) ?? 0;
    expect(found.snapshot()?.index ?? 0).toBe(last);
    expect(found.firstIndex).toBe(Math.max(0, last - 7) + 1);
    await found.close();
  });
});
