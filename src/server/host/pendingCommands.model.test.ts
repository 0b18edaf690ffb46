import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { CommandType, encodeCommand, REGISTER_BYTES } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { randomFrom } from '../storage/testing.ts';
import type { CommandOutcome, LookupOutcome } from './outcomes.ts';
import { FRESH_BYTES_MAX, OFFERED_BYTES_MAX, PendingCommands, type SmallBounds } from './pendingCommands.ts';
import { commandOf, type Item, PASSES, PendingTwin, VERDICTS } from './testing/pendingTwin.ts';

const RUNS = 40;
const STEPS = 100;
const OK = { status: 'ok', clientId: 7 } as const;
const NO_LIMIT = Number.POSITIVE_INFINITY;
const LARGE = OFFERED_BYTES_MAX;
const LARGE_SIZES = [LARGE, LARGE, LARGE + 1, 1.5 * LARGE, 7 * LARGE, 8 * LARGE, 9 * LARGE, 16 * LARGE, 17 * LARGE];
const MIDDLE_SIZES = [
  0.5 * FRESH_BYTES_MAX,
  0.5 * FRESH_BYTES_MAX,
  FRESH_BYTES_MAX,
  0.4 * LARGE,
  0.5 * LARGE,
  0.5 * LARGE,
  LARGE - 1,
  LARGE - 30,
];
const KEYS = ['a', 'b', 'not there'];

/** Holds a=1 and b=2. */
function stateMachine(): KeyValueStore {
  const store = new KeyValueStore();
  const insert = (clientSeq: number, key: string, value: string) =>
    encodeCommand({ type: CommandType.Insert, clientId: 1, clientSeq, key, value });
  const commands = [REGISTER_BYTES, insert(1, 'a', '1'), insert(2, 'b', '2')];
  for (const [i, data] of commands.entries()) store.apply(new Entry(i + 1, 1, EntryType.Normal, data));
  return store;
}

function entry(index: number, term: number): Entry {
  return new Entry(index, term, EntryType.Normal, new Uint8Array(0));
}

/** Drives PendingCommands as a replica and an engine may, at random, beside its twin; both have to say the same at every step. */
class Pair {
  readonly pending = new PendingCommands();
  private readonly twin = new PendingTwin();
  private readonly stateMachine = stateMachine();
  private readonly random: () => number;
  private readonly items = new Map<Uint8Array, Item>();
  /** What was said in this step. */
  private told: [number, unknown][] = [];
  private nextTag = 1;
  private term = 1;
  private lastIndex = 0;
  private appliedIndex = 0;
  /** Batches of which the engine has said nothing, or not of all commands. */
  private batches: { readonly token: number; readonly count: number; decided: number }[] = [];
  private reads: number[] = [];
  /** Tokens of which everything was said. */
  private doneTokens: number[] = [];

  constructor(seed: number) {
    this.random = randomFrom(seed);
  }

  step(): void {
    const steps = [
      () => this.add(),
      () => this.add(),
      () => this.addLookup(),
      () => this.take(),
      () => this.take(),
      () => this.takeReads(),
      () => this.decide(),
      () => this.decide(),
      () => this.apply(),
      () => this.apply(),
      () => this.answerRead(),
      () => this.carryOn(),
    ];
    // Rarely: another leader, a snapshot in place of entries, the end, and what comes twice or too late.
    const rare = this.below(100);
    if (rare === 0) this.loseLeadership();
    else if (rare === 1) this.appliedIndex = Math.max(this.appliedIndex, this.lastIndex - this.below(3));
    else if (rare === 2) this.loseAll();
    else if (rare <= 6) this.repeat();
    else steps[this.below(steps.length)]!();
    this.compare();
  }

  /** Everything that is open is answered. */
  loseAll(): void {
    const leader = this.below(4);
    this.pending.loseAll(leader);
    this.twin.loseAll(leader);
    this.doneTokens.push(...this.batches.map(({ token }) => token), ...this.reads);
    this.batches = [];
    this.reads = [];
    this.compare();
    expect([this.pending.size, this.pending.bytes, this.pending.hasMore]).toEqual([0, 0, false]);
  }

  private compare(): void {
    const { size, bytes, hasMore } = this.pending;
    const twin = this.twin;
    const shown = (told: readonly [number, unknown][], counted: readonly unknown[]) =>
      JSON.stringify([...told].sort(([a], [b]) => a - b).concat([[0, counted]]));
    const said = shown(this.told, [size, bytes, hasMore]);
    this.told = [];
    expect(said).toBe(shown(twin.takeTold(), [twin.size, twin.bytes, twin.hasMore]));
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private oneOf<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!;
  }

  /** Of even and of odd tags. */
  private readonly sinks = [0, 1].map((parity) => {
    const hear = (tag: number, outcome: CommandOutcome | LookupOutcome) => {
      expect(tag % 2).toBe(parity);
      this.hear(tag, outcome);
    };
    return { commandDone: hear, lookupDone: hear };
  });

  private hear(tag: number, outcome: unknown): void {
    this.told.push([tag, outcome]);
    const { size } = this.pending;
    const left = this.twin.size + this.twin.toldCount - this.told.length;
    if (size > left) expect.unreachable(`tag ${tag} is told and still counted: ${size} are open, ${left} are left`);
  }

  private size(): number {
    const kind = this.below(12);
    if (kind === 0) return this.oneOf(LARGE_SIZES);
    return kind <= 2 ? this.oneOf(MIDDLE_SIZES) : 20 + this.below(20);
  }

  private add(): void {
    for (let count = this.below(5); count >= 0; count--) {
      const session = this.below(4);
      const bytes = commandOf(session, this.size());
      const kind = this.below(3) > 0 ? PASSES : this.below(VERDICTS.length);
      const item = { tag: this.nextTag++, session, kind, size: bytes.length };
      this.items.set(bytes, item);
      this.pending.addCommand(bytes, this.sinks[item.tag % 2]!, item.tag);
      this.twin.addCommand(item);
    }
  }

  private addLookup(): void {
    const key = this.oneOf(KEYS);
    const tag = this.nextTag++;
    this.pending.addLookup(key, this.sinks[tag % 2]!, tag);
    this.twin.addLookup({ tag, key });
  }

  /** Mostly there is room for all; else for some of what is open, or for exactly all of it. */
  private limits(): [number, number] {
    const { size, bytes } = this.twin;
    const kind = this.below(12);
    if (kind === 0) return [this.below(size + 2), NO_LIMIT];
    if (kind === 1) return [NO_LIMIT, this.below(bytes + 2)];
    return kind === 2 ? [size, bytes] : [NO_LIMIT, NO_LIMIT];
  }

  private smallBounds(): SmallBounds {
    const sizes = this.twin.openSmall();
    const bytes = sizes.reduce((total, size) => total + size, 0);
    const kind = this.below(12);
    return {
      commandsMax: kind === 0 ? this.below(sizes.length + 2) : kind === 1 ? sizes.length : NO_LIMIT,
      bytesMax: kind === 2 ? this.below(bytes + 2) : kind === 3 ? bytes : NO_LIMIT,
    };
  }

  private take(): void {
    const [sizeMax, bytesMax] = this.limits();
    const leader = this.below(4);
    // What the twin is told first, the sinks may hear.
    const small = this.smallBounds();
    const expected = this.twin.takeCommands(sizeMax, bytesMax, leader, small);
    const foresee = (command: Uint8Array) => VERDICTS[this.items.get(command)!.kind]!.first;
    const batch = this.pending.takeCommands(sizeMax, bytesMax, leader, foresee, small);
    expect(batch?.commands.map((command) => this.items.get(command)?.tag)).toEqual(expected?.map(({ tag }) => tag));
    if (batch === undefined) return;
    this.twin.proposed(batch.token, expected!);
    this.batches.push({ token: batch.token, count: batch.commands.length, decided: 0 });
  }

  private takeReads(): void {
    const deciding = this.pending.takeUndecided();
    expect(deciding !== undefined).toBe(this.twin.takeUndecided(deciding));
    if (deciding !== undefined) this.reads.push(deciding);
    const [sizeMax, bytesMax] = this.limits();
    const leader = this.below(4);
    const isAny = this.twin.limitLookups(sizeMax, bytesMax, leader);
    const token = this.pending.takeLookups(sizeMax, bytesMax, leader);
    expect(token !== undefined).toBe(isAny);
    if (token === undefined) return;
    this.twin.takeLookups(token);
    this.reads.push(token);
  }

  /** The engine accepts or rejects some commands of a batch. */
  private decide(): void {
    const batch = this.batches[this.below(this.batches.length)];
    if (batch === undefined) return;
    const { token, count: total, decided: offset } = batch;
    const count = 1 + this.below(total - offset);
    batch.decided += count;
    if (batch.decided === total) {
      this.batches = this.batches.filter((each) => each !== batch);
      this.doneTokens.push(token);
    }
    if (this.below(5) === 0) {
      const outcome = { status: this.oneOf(['not-leader', 'overloaded'] as const), leader: this.below(4) };
      this.twin.reject(token, offset, count, outcome);
      this.pending.reject({ token, offset, count, reason: 'not-leader', leader: 0 }, outcome);
      return;
    }
    // Entries of the engine's own stand between.
    this.lastIndex += this.below(2);
    const [firstIndex, term] = [this.lastIndex + 1, this.term];
    this.twin.accept(token, offset, count, firstIndex, term);
    this.pending.accept({ token, offset, count, firstIndex, term });
    this.lastIndex += count;
  }

  private apply(): void {
    if (this.appliedIndex >= this.lastIndex) return;
    const index = ++this.appliedIndex;
    const term = this.below(10) === 0 ? this.term + 1 : this.term;
    const result = this.below(10) === 0 ? undefined : OK;
    this.twin.applied(index, term, result);
    this.pending.applied(entry(index, term), result);
  }

  private answerRead(): void {
    const token = this.reads[this.below(this.reads.length)];
    if (token === undefined) return;
    this.reads = this.reads.filter((each) => each !== token);
    this.doneTokens.push(token);
    if (this.below(4) === 0) {
      const outcome = { status: this.oneOf(['not-leader', 'overloaded'] as const), leader: this.below(4) };
      this.twin.readFailed(token, outcome);
      this.pending.readFailed(token, outcome);
      return;
    }
    const index = this.lastIndex - this.below(Math.min(3, this.lastIndex + 1));
    this.twin.readConfirmed(token, index);
    this.pending.readConfirmed(token, index);
  }

  /** What a replica does once something is applied or confirmed. */
  private carryOn(): void {
    this.twin.answerLookups(this.appliedIndex, (key) => ({ a: Uint8Array.of(49), b: Uint8Array.of(50) })[key]);
    this.pending.answerLookups(this.appliedIndex, this.stateMachine);
    const mayTake = this.twin.decideRead(this.appliedIndex);
    const said = this.pending.decideRead(this.appliedIndex, (command) => {
      return VERDICTS[this.items.get(command)!.kind]!.second;
    });
    expect(said).toBe(mayTake);
  }

  private loseLeadership(): void {
    const leader = this.below(4);
    this.twin.loseAccepted(leader);
    this.pending.loseAccepted(leader);
    this.term++;
  }

  /** Of what everything was said nothing more is heard. */
  private repeat(): void {
    if (this.doneTokens.length === 0) return;
    const token = this.oneOf(this.doneTokens);
    const all = { token, offset: 0, count: 1 };
    const outcome = { status: 'overloaded', leader: 9 } as const;
    this.pending.reject({ ...all, reason: 'transferring', leader: 9 }, outcome);
    this.pending.readFailed(token, outcome);
    this.pending.readConfirmed(token, 0);
    this.pending.accept({ ...all, firstIndex: this.lastIndex + 1, term: this.term });
    this.pending.applied(entry(++this.lastIndex, this.term), OK);
    this.appliedIndex = this.lastIndex;
    this.twin.applied(this.lastIndex, this.term, OK);
  }
}

describe('commands and lookups between their arrival and their answer', () => {
  it('leave in the order, are told once each, and are counted until then, as an obvious twin has it, whatever comes', () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const pair = new Pair(seed);
      for (let i = 0; i < STEPS; i++) pair.step();
      pair.loseAll();
    }
  });

  it('are told once where a thousand batches stand in the log together', () => {
    const pending = new PendingCommands();
    const told: number[] = [];
    const sink = { commandDone: (tag: number) => told.push(tag), lookupDone: () => {} };
    const count = 1000;
    for (let tag = 1; tag <= count; tag++) {
      pending.addCommand(commandOf(0, 20), sink, tag);
      const { token } = pending.takeCommands(NO_LIMIT, NO_LIMIT, 0, () => undefined)!;
      pending.accept({ token, offset: 0, count: 1, firstIndex: tag, term: 1 });
    }
    for (let index = 1; index < count; index++) pending.applied(entry(index, 1), OK);
    pending.loseAccepted(0);
    expect(told).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(pending.size).toBe(0);
  });

  it('that a read decided on leave before anything that came later asks for them', () => {
    const pending = new PendingCommands();
    const told: number[] = [];
    const sink = { commandDone: (tag: number) => told.push(tag), lookupDone: () => {} };
    expect(pending.decideRead(0, () => undefined)).toBe(false);
    pending.addCommand(commandOf(1, 20), sink, 1);
    expect(pending.takeCommands(NO_LIMIT, NO_LIMIT, 0, () => 'undecided')).toBeUndefined();
    pending.readConfirmed(pending.takeUndecided()!, 0);
    expect(pending.decideRead(0, () => undefined)).toBe(true);
    expect(pending.takeCommands(NO_LIMIT, NO_LIMIT, 0, () => 'undecided')?.commands).toHaveLength(1);
    expect(told).toEqual([]);
  });
});
