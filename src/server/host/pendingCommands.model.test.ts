import { describe, expect, it } from 'vitest';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { randomFrom } from '../storage/testing.ts';
import { PendingCommands } from './pendingCommands.ts';

const RUNS = 150;
const STEPS = 150;
const OK = { status: 'ok', clientId: 0 } as const;
const REFUSED = { status: 'invalid', detail: 'refused' } as const;
const FAILED = { status: 'not-leader', leader: 0 } as const;
const NO_LIMIT = 1_000_000;

/** What a command's first byte says of it: nothing, that it is refused, that only a read can tell, and what that tells then. */
const [PASSES, IS_REFUSED, PASSES_LATER, IS_REFUSED_LATER] = [0, 1, 2, 3] as const;

/** Drives PendingCommands as a replica and an engine may, at random, and knows of each tag what it must be told. */
class Model {
  readonly pending = new PendingCommands();
  readonly #random: () => number;
  /** The bytes of each tag that is not answered. */
  readonly #open = new Map<number, number>();
  readonly #told = new Map<number, string>();
  readonly #tags = new Map<Uint8Array, number>();
  #nextTag = 1;
  #term = 1;
  #lastIndex = 0;
  #appliedIndex = 0;
  #proposed: { token: number; commands: readonly Uint8Array[]; decided: number }[] = [];
  /** Whose command stands at an index, and of which term. */
  readonly #log = new Map<number, { tag: number; term: number }>();
  #reads: { token: number; tags: readonly number[] }[] = [];
  #lookups: number[] = [];
  #confirmed: { index: number; tags: readonly number[] }[] = [];

  constructor(seed: number) {
    this.#random = randomFrom(seed);
  }

  step(): void {
    const steps = [
      () => this.#add(),
      () => this.#add(),
      () => this.#addLookup(),
      () => this.#take(),
      () => this.#takeReads(),
      () => this.#decide(),
      () => this.#decide(),
      () => this.#apply(),
      () => this.#apply(),
      () => this.#answerRead(),
      () => this.#carryOn(),
    ];
    // Rarely: another leader, and a snapshot in place of entries.
    const rare = this.#below(40);
    if (rare === 0) this.#loseLeadership();
    else if (rare === 1) this.#appliedIndex = Math.max(this.#appliedIndex, this.#lastIndex - this.#below(3));
    else steps[this.#below(steps.length)]!();
    this.check();
  }

  check(): void {
    const bytes = [...this.#open.values()].reduce((sum, each) => sum + each, 0);
    expect([this.pending.size, this.pending.bytes]).toEqual([this.#open.size, bytes]);
  }

  /** Everything that is open is answered, and afterwards nothing more, whatever still comes. */
  stop(): void {
    this.pending.loseAll(0);
    expect(this.#open.size).toBe(0);
    this.check();
    const tokens = [...this.#proposed.map(({ token }) => token), ...this.#reads.map(({ token }) => token)];
    for (const token of tokens) {
      this.pending.accept({ token, offset: 0, count: 1, firstIndex: this.#lastIndex + 1, term: 1 });
      this.pending.readConfirmed(token, 0);
      this.pending.readFailed(token, FAILED);
    }
    this.#carryOn();
    for (let i = 1; i <= 3; i++) {
      this.pending.applied(new Entry(this.#lastIndex + i, this.#term, EntryType.Normal, new Uint8Array(0)), OK);
    }
    expect(this.pending.takeCommands(NO_LIMIT, NO_LIMIT, 0, () => undefined)).toBeUndefined();
    expect(this.pending.takeUndecided()).toBeUndefined();
    expect(this.pending.takeLookups(NO_LIMIT, NO_LIMIT, 0)).toBeUndefined();
    expect(this.pending.hasMore).toBe(false);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  readonly #sink = {
    commandDone: (tag: number, { status }: { readonly status: string }) => this.#answered(tag, status),
    lookupDone: (tag: number, { status }: { readonly status: string }) => this.#answered(tag, status),
  };

  #answered(tag: number, status: string): void {
    expect(this.#told.get(tag), `tag ${tag} was told before`).toBeUndefined();
    this.#told.set(tag, status);
    this.#open.delete(tag);
  }

  #add(): void {
    const command = new Uint8Array(1 + this.#below(20));
    command[0] = this.#below(3) > 0 ? PASSES : this.#below(4);
    const tag = this.#nextTag++;
    this.#tags.set(command, tag);
    this.#open.set(tag, command.length);
    this.pending.addCommand(command, this.#sink, tag);
  }

  #addLookup(): void {
    const tag = this.#nextTag++;
    const key = 'k'.repeat(this.#below(5));
    this.#open.set(tag, key.length);
    this.#lookups.push(tag);
    this.pending.addLookup(key, this.#sink, tag);
  }

  #take(): void {
    const limit = this.#below(8) === 0 ? 1 + this.#below(20) : NO_LIMIT;
    const batch = this.pending.takeCommands(limit, NO_LIMIT, 0, ([kind]) => {
      if (kind === PASSES) return undefined;
      return kind === IS_REFUSED ? REFUSED : 'undecided';
    });
    if (batch === undefined) return;
    for (const command of batch.commands) {
      expect([PASSES, PASSES_LATER]).toContain(command[0]);
      expect(this.#open.has(this.#tags.get(command)!)).toBe(true);
    }
    this.#proposed.push({ ...batch, decided: 0 });
  }

  #takeReads(): void {
    const deciding = this.pending.takeUndecided();
    if (deciding !== undefined) this.#reads.push({ token: deciding, tags: [] });
    const limit = this.#below(8) === 0 ? 1 + this.#below(20) : NO_LIMIT;
    const token = this.pending.takeLookups(limit, NO_LIMIT, 0);
    const tags = this.#lookups.filter((tag) => this.#open.has(tag));
    this.#lookups = [];
    if (token === undefined) expect(tags).toEqual([]);
    else this.#reads.push({ token, tags });
  }

  /** The engine accepts or rejects some commands of a batch. */
  #decide(): void {
    const batch = this.#proposed[this.#below(this.#proposed.length)];
    if (batch === undefined) return;
    const { token, commands, decided: offset } = batch;
    const count = 1 + this.#below(commands.length - offset);
    batch.decided += count;
    if (batch.decided === commands.length) this.#proposed = this.#proposed.filter((each) => each !== batch);
    if (this.#below(5) === 0) {
      this.pending.reject({ token, offset, count, reason: 'not-leader', leader: 0 }, FAILED);
      for (const tag of this.#tagsOf(commands, offset, count)) expect(this.#told.get(tag)).toBe('not-leader');
      return;
    }
    // Entries of the engine's own stand between.
    this.#lastIndex += this.#below(2);
    this.pending.accept({ token, offset, count, firstIndex: this.#lastIndex + 1, term: this.#term });
    for (const tag of this.#tagsOf(commands, offset, count))
      this.#log.set(++this.#lastIndex, { tag, term: this.#term });
  }

  #tagsOf(commands: readonly Uint8Array[], offset: number, count: number): number[] {
    return commands.slice(offset, offset + count).map((command) => this.#tags.get(command)!);
  }

  #apply(): void {
    if (this.#appliedIndex >= this.#lastIndex) return;
    const index = ++this.#appliedIndex;
    const own = this.#log.get(index);
    const isOpen = own !== undefined && this.#open.has(own.tag);
    const term = own === undefined || this.#below(10) === 0 ? this.#term + 1 : own.term;
    const isCommand = own !== undefined;
    this.pending.applied(new Entry(index, term, EntryType.Normal, new Uint8Array(0)), isCommand ? OK : undefined);
    if (isOpen) expect(this.#told.get(own.tag)).toBe(term === own.term ? 'ok' : 'not-leader');
  }

  #answerRead(): void {
    const at = this.#below(this.#reads.length);
    const read = this.#reads[at];
    if (read === undefined) return;
    this.#reads.splice(at, 1);
    if (this.#below(4) === 0) {
      this.pending.readFailed(read.token, FAILED);
      for (const tag of read.tags) expect(this.#told.get(tag)).toBe('not-leader');
      return;
    }
    const index = this.#lastIndex - this.#below(Math.min(3, this.#lastIndex + 1));
    this.pending.readConfirmed(read.token, index);
    this.#confirmed.push({ index, tags: read.tags });
  }

  /** What a replica does once something is applied or confirmed. */
  #carryOn(): void {
    const before = this.#confirmed;
    this.#confirmed = before.filter(({ index }) => index > this.#appliedIndex);
    this.pending.answerLookups(this.#appliedIndex, new KeyValueStore());
    for (const { index, tags } of before) {
      for (const tag of tags) if (index <= this.#appliedIndex) expect(this.#told.get(tag)).toMatch(/ok|not-leader/);
    }
    for (const { tags } of this.#confirmed) for (const tag of tags) expect(this.#told.get(tag)).not.toBe('ok');
    const mayTake = this.pending.decideRead(this.#appliedIndex, ([kind]) => {
      expect([PASSES_LATER, IS_REFUSED_LATER]).toContain(kind);
      return kind === IS_REFUSED_LATER ? REFUSED : undefined;
    });
    if (mayTake) this.#take();
  }

  #loseLeadership(): void {
    const accepted = [...this.#log].filter(([index, { tag }]) => index > this.#appliedIndex && this.#open.has(tag));
    this.pending.loseAccepted(0);
    for (const [, { tag }] of accepted) expect(this.#told.get(tag)).toBe('unknown');
    this.#log.clear();
    this.#term++;
  }
}

describe('commands and lookups between their arrival and their answer', () => {
  it('are told once each, what became of them, and are counted until then, whatever comes in which order', () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const model = new Model(seed);
      for (let i = 0; i < STEPS; i++) model.step();
      model.stop();
    }
  });

  it('are told once where thousands of batches stand in the log together', () => {
    const pending = new PendingCommands();
    const told: number[] = [];
    const sink = { commandDone: (tag: number) => told.push(tag), lookupDone: () => {} };
    const count = 10_000;
    for (let tag = 1; tag <= count; tag++) {
      pending.addCommand(new Uint8Array(1), sink, tag);
      const { token } = pending.takeCommands(NO_LIMIT, NO_LIMIT, 0, () => undefined)!;
      pending.accept({ token, offset: 0, count: 1, firstIndex: tag, term: 1 });
    }
    const applied = (index: number) => pending.applied(new Entry(index, 1, EntryType.Normal, new Uint8Array(0)), OK);
    for (let index = 1; index < count; index++) applied(index);
    pending.loseAccepted(0);
    expect(told).toEqual(Array.from({ length: count }, (_, i) => i + 1));
    expect(pending.size).toBe(0);
  });
});
