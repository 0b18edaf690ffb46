import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Configuration, type HardState, type PersistBatch, simpleConfiguration } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { MemoryContent, ReceivedContent } from '../snapshotContent.ts';
import { TEST_SETTINGS } from '../testing/engineCluster.ts';
import { MemoryLog } from '../testing/memoryLog.ts';
import { OutputBuffer } from './outputBuffer.ts';
import { ServerCore } from './serverCore.ts';

const BOOTSTRAP = [1, 2, 3];

/** The data of a membership entry is the id of the server that it adds. */
const join = ({ voters }: Configuration, { data }: Entry) => simpleConfiguration([...voters, data[0]!]);

type Kind =
  | 'append'
  | 'change'
  | 'cut'
  | 'commit'
  | 'term'
  | 'vote'
  | 'turn'
  | 'apply'
  | 'install'
  | 'snapshot'
  | 'restart';
interface Step {
  readonly kind: Kind;
  readonly by: number;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.oneof(
    { weight: 4, arbitrary: fc.constantFrom<Kind>('append', 'commit', 'turn') },
    { weight: 2, arbitrary: fc.constantFrom<Kind>('change', 'cut', 'term', 'vote', 'apply') },
    { weight: 1, arbitrary: fc.constantFrom<Kind>('install', 'snapshot', 'restart') },
  ),
  by: fc.nat(5),
});

/** The slow obvious twin: the whole log in one array, the promises beside it, and nothing that follows from them. */
class Twin {
  base = { index: 0, term: 0, configuration: simpleConfiguration(BOOTSTRAP) };
  entries: Entry[] = [];
  hardState: HardState = { term: 1, vote: 0, commit: 0 };
  delivered = 0;
  applied = 0;

  get lastIndex(): number {
    return this.base.index + this.entries.length;
  }

  configurationAt(index: number): Configuration {
    const changes = this.entries.filter((each) => each.index <= index && each.type === EntryType.Reconf);
    return changes.reduce(join, this.base.configuration);
  }

  termAt(index: number): number {
    return index === this.base.index ? this.base.term : this.entries[index - this.base.index - 1]!.term;
  }
}

/** A server, the log that its host keeps, and the twin. */
class Bench {
  readonly log = new MemoryLog();
  readonly twin = new Twin();
  core = this.start();
  /** What storage was given last. */
  private stored = this.twin.hardState;
  private mark = 0;

  private start() {
    const { log, twin } = this;
    const init = { id: 1, settings: TEST_SETTINGS, random: () => 0, nowMs: 0, bootstrap: BOOTSTRAP, log };
    const { applied: appliedIndex, hardState } = twin;
    return new ServerCore<never>(
      {
        ...init,
        appliedIndex,
        hardState,
        receiveContent: (place, byteLength) => new ReceivedContent(place, byteLength),
      },
      join,
      new OutputBuffer(),
    );
  }

  perform({ kind, by }: Step): void {
    const { core, twin } = this;
    const { term, commit } = twin.hardState;
    switch (kind) {
      case 'append':
      case 'change': {
        const type = kind === 'change' ? EntryType.Reconf : EntryType.Normal;
        const entries = [new Entry(twin.lastIndex + 1, term, type, Uint8Array.of(4 + by))];
        core.append(entries);
        twin.entries.push(...entries);
        break;
      }
      case 'cut': {
        const from = Math.max(commit + 1, twin.lastIndex - by);
        if (from > twin.lastIndex) return;
        core.truncateFrom(from);
        twin.entries.length = from - 1 - twin.base.index;
        break;
      }
      case 'commit':
        core.commitIndex = Math.min(twin.lastIndex, commit + by);
        twin.hardState = { ...twin.hardState, commit: core.commitIndex };
        break;
      case 'term':
      case 'vote':
        twin.hardState = { term: kind === 'term' ? term + 1 : term, vote: by, commit };
        core.enterTerm(twin.hardState.term, by);
        break;
      case 'turn':
        this.turn();
        break;
      case 'apply':
        twin.applied = Math.min(twin.delivered, twin.applied + by);
        core.appliedIndex = twin.applied;
        break;
      case 'install':
        this.install(twin.lastIndex + by + 1);
        break;
      case 'snapshot':
        this.storeSnapshot(by);
        break;
      case 'restart':
        this.restart();
    }
  }

  /** What a host's turn takes: what is committed, in order and once; then what is to be stored, which is all that is not. */
  private turn(): void {
    const { core, twin, log } = this;
    const committed = core.takeCommitted();
    const due = twin.entries.filter(({ index }) => index > twin.delivered && index <= twin.hardState.commit);
    // What is in storage alone is asked for when what came before it is applied.
    if (committed.length > 0 || twin.applied === twin.delivered) expect(committed).toEqual(due);
    twin.delivered += committed.length;
    const batch = core.takePersist();
    expect(core.takePersist()).toBeUndefined();
    if (batch !== undefined) this.checkBatch(batch);
    else expect([this.stored.term, this.stored.vote]).toEqual([twin.hardState.term, twin.hardState.vote]);
    const { lastIndex } = twin;
    expect([log.lastIndex, log.term(lastIndex)]).toEqual([lastIndex, twin.termAt(lastIndex)]);
    const held = log.entries(log.firstIndex, lastIndex, Number.POSITIVE_INFINITY);
    expect(held.filter(({ index }) => index > twin.base.index)).toEqual(twin.entries);
  }

  private checkBatch(batch: PersistBatch): void {
    const { core, twin, log } = this;
    const { mark, entries, snapshot, truncateFrom, hardState } = batch;
    expect(mark).toBe(++this.mark);
    if (hardState !== undefined) expect(hardState).toEqual(twin.hardState);
    // With whatever is written goes what is not known to be stored.
    this.stored = hardState ?? this.stored;
    expect([this.stored.term, this.stored.vote]).toEqual([twin.hardState.term, twin.hardState.vote]);
    expect(entries.length > 0 || snapshot !== undefined || truncateFrom !== undefined || hardState !== undefined).toBe(
      true,
    );
    log.persist(batch);
    core.writes.durable(mark);
    expect([core.writes.durableIndex, core.writes.durableTerm]).toEqual([twin.lastIndex, twin.hardState.term]);
  }

  private install(index: number): void {
    const { core, twin } = this;
    const { term } = twin.hardState;
    const configuration = simpleConfiguration([2, 3, ...(index % 2 === 0 ? [1] : [])]);
    const snapshot = { index, term, configuration, content: new MemoryContent(new Uint8Array(0)) };
    core.install(snapshot);
    expect(core.writes.durableIndex).toBe(0);
    expect(core.out.take(undefined, []).restore).toBe(snapshot);
    twin.base = { index, term, configuration };
    twin.entries = [];
    twin.hardState = { ...twin.hardState, commit: index };
    twin.delivered = index;
    // The host makes it its state machine's before anything else is applied.
    twin.applied = index;
    core.appliedIndex = index;
    this.turn();
  }

  /** The host stored a snapshot of what is applied, and let the log before it go, up to some entries. */
  private storeSnapshot(trailing: number): void {
    const { core, twin, log } = this;
    this.turn();
    const index = twin.applied;
    if (index <= (log.snapshot()?.index ?? 0)) return;
    const configuration = twin.configurationAt(index);
    log.storeSnapshot(
      { index, term: twin.termAt(index), configuration, content: new MemoryContent(new Uint8Array(0)) },
      trailing,
    );
    core.configurations.compact(index);
    twin.base = { index, term: twin.termAt(index), configuration };
    twin.entries = twin.entries.filter((each) => each.index > index);
  }

  /** The state machine begins with the snapshot; how far was committed is known as of the last write. */
  private restart(): void {
    const { twin, log } = this;
    this.turn();
    const { base } = twin;
    twin.applied = log.snapshot()?.index ?? 0;
    twin.delivered = twin.applied;
    twin.hardState = { ...twin.hardState, commit: Math.max(base.index, this.stored.commit) };
    this.mark = 0;
    this.core = this.start();
  }
}

describe('a server in every role, at random', () => {
  it('holds, hands out and stores what its slow twin does', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const bench = new Bench();
        const { twin } = bench;
        for (const each of steps) {
          bench.perform(each);
          const { core } = bench;
          const { term, vote, commit: commitIndex } = twin.hardState;
          expect(core).toMatchObject({ term, vote, commitIndex, appliedIndex: twin.applied });
          expect([core.deliveredIndex, core.log.lastIndex]).toEqual([twin.delivered, twin.lastIndex]);
          const configuration = twin.configurationAt(twin.lastIndex);
          expect(core.configuration).toEqual(configuration);
          expect(core.isVoter).toBe(configuration.voters.includes(1));
          const isOpen = twin.entries.some(({ index, type }) => type === EntryType.Reconf && index > commitIndex);
          expect(core.isChangeInLog).toBe(isOpen);
        }
      }),
      { numRuns: 300 },
    );
  });
});
