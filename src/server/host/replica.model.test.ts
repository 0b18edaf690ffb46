import { describe, expect, it } from 'vitest';
import {
  ChangeType,
  type Output,
  type PersistBatch,
  RejectReason,
  Role,
  type Snapshot,
  simpleConfiguration,
} from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import { REGISTER_BYTES } from '../../wire/command.ts';
import { KeyValueStore } from '../stateMachine/keyValueStore.ts';
import { randomFrom } from '../storage/testing.ts';
import type { CommandOutcome, LookupOutcome, RequestResult } from './outcomes.ts';
import { isSnapshotDue } from './snapshotTaking.ts';
import { drivenReplica } from './testing/drivenReplica.ts';
import { outputOf, ScriptedEngine } from './testing/scriptedEngine.ts';

const RUNS = 12;
const STEPS = 50;
const SNAPSHOT_EVERY = 5;
const TURNS_MAX = 40;
const SELF = 1;
const FAILED = { reason: RejectReason.NotLeader, leader: 2 } as const;
const BUSY = { reason: RejectReason.Transferring, leader: 1 } as const;

interface Said {
  readonly label: string;
  /** What has to be written, or be durable, before. */
  readonly mark: number;
}

/** A command or lookup, and what its engine said of it. */
interface Asked {
  fate: 'none' | 'in the log' | 'confirmed' | 'not-leader' | 'overloaded';
  index: number;
  told: string | undefined;
}

/** An engine that brings forth at random what the contract allows, and a judge of what its replica does of it. */
class Trial {
  private readonly random: () => number;
  private readonly engine: ScriptedEngine;
  private readonly driven: ReturnType<typeof drivenReplica<string>>;
  /** 0: never. */
  private readonly snapshotEvery: number;
  // What the engine has planned.
  private mark = 0;
  private lastIndex = 0;
  private handedOut = 0;
  private labels = 0;
  private readonly log = new Map<number, Entry>();
  private readonly decided = new Map<number, number>();
  private readonly saidReads = new Set<number>();
  private readonly saidRequests = new Set<number>();
  // What the judge has seen.
  private writtenMark = 0;
  private appliedIndex = 0;
  private committed = 0;
  private restores: { readonly mark: number; readonly snapshot: Snapshot }[] = [];
  private messages: Said[] = [];
  private messagesAfter: Said[] = [];
  private events: string[] = [];
  private storing = 0;
  private snapshotIndex = 0;
  /** Of the last snapshot that came from a leader. */
  private restoredIndex = 0;
  private seenStatus: string;
  private servedBefore: boolean;
  private lastStanding = '';
  /** Commands whose leader served no longer. */
  private isLost = new Set<number>();
  private readonly asked = new Map<number, Asked>();
  private readonly tagsOfBatch = new Map<number, readonly number[]>();
  private readonly tagsOfRead = new Map<number, readonly number[]>();
  private readonly requests = new Map<number, { expected: unknown; told: RequestResult | undefined }>();
  private unproposed: number[] = [];
  private unread: number[] = [];
  private nextTag = 1;

  constructor(seed: number) {
    this.random = randomFrom(seed);
    this.engine = new ScriptedEngine((output) => this.drained(output));
    this.engine.standing = {
      ...this.engine.standing,
      role: this.oneOf(Object.values(Role)),
      leader: this.below(3),
    };
    this.snapshotEvery = this.below(3) === 0 ? 0 : SNAPSHOT_EVERY;
    this.driven = drivenReplica(this.engine.kind, {
      bootstrap: [1, 2, 3],
      snapshotEveryEntries: this.snapshotEvery,
      prepare: (store) => {
        const [persist, storeSnapshot] = [store.persist.bind(store), store.storeSnapshot.bind(store)];
        store.persist = (batch) => {
          expect(batch.mark).toBe(++this.writtenMark);
          persist(batch);
        };
        store.storeSnapshot = (snapshot, trailing) => {
          this.storedSnapshot(snapshot);
          storeSnapshot(snapshot, trailing);
        };
      },
      environment: {
        send: (envelopes) => {
          for (const { message } of envelopes) this.sent(message);
        },
        // What follows from statuses has tests of its own (lifeEvents.test.ts).
        event: (event) => {
          if (event === 'catchup' || event === 'injectentries') expect(event).toBe(this.events.shift());
        },
        applied: (entry) => this.applied(entry),
        restored: (snapshot) => this.restored(snapshot),
        statusChanged: (status) => {
          const now = standingOf(status);
          expect(now).not.toBe(this.seenStatus);
          this.seenStatus = now;
        },
      },
    });
    this.seenStatus = standingOf(this.engine.standing);
    this.servedBefore = this.serves;
    this.compareStatus();
  }

  async step(): Promise<void> {
    const { replica } = this.driven;
    const steps = [
      () => this.ask(),
      () => this.ask(),
      () => this.askOperator(),
      () => this.plan(),
      () => this.plan(),
      () => this.plan(),
      () => this.changeStatus(),
      () => replica.receive(2, 'what makes it want nothing'),
      () => this.run(),
      () => this.tick(),
      () => this.tick(),
    ];
    steps[this.below(steps.length)]!();
    if (this.below(3) === 0) await new Promise<void>((resolve) => setImmediate(resolve));
  }

  /** The disk has done its work, and nothing is due. */
  async settle(): Promise<void> {
    this.tick();
    for (let i = 0; i < 6; i++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      this.run();
    }
    expect(this.driven.store.durableMark).toBe(this.mark);
    this.judge();
    expect([this.messages, this.messagesAfter, this.restores]).toEqual([[], [], []]);
    expect(this.appliedIndex).toBe(this.committed);
    expect(isSnapshotDue(1, this.snapshotEvery, this.appliedIndex, this.snapshotIndex)).toBe(false);
  }

  async end(): Promise<void> {
    await this.settle();
    this.driven.replica.stop();
    for (const [tag, { told }] of this.asked) if (told === undefined) expect.unreachable(`${tag} was told nothing`);
    await this.driven.store.close();
  }

  private below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  private oneOf<T>(of: readonly T[]): T {
    return of[this.below(of.length)]!;
  }

  // What comes from outside.

  private ask(): void {
    const { replica } = this.driven;
    const tag = this.nextTag++;
    this.asked.set(tag, { fate: 'none', index: 0, told: undefined });
    const sink = {
      commandDone: (of: number, outcome: CommandOutcome) => this.commandDone(of, outcome),
      lookupDone: (of: number, outcome: LookupOutcome) => this.lookupDone(of, outcome),
    };
    if (this.below(2) === 0) {
      this.unproposed.push(tag);
      replica.submit(REGISTER_BYTES, sink, tag);
    } else {
      this.unread.push(tag);
      replica.lookup('k', sink, tag);
    }
  }

  private askOperator(): void {
    const { replica } = this.driven;
    const request = { expected: undefined, told: undefined as RequestResult | undefined };
    const done = (result: RequestResult) => {
      expect(request.told).toBeUndefined();
      request.told = result;
    };
    if (this.below(2) === 0) replica.reconfigure({ type: ChangeType.AddVoter, id: 4 }, done);
    else replica.transferLeadership(2, done);
    this.requests.set(this.engine.requests.at(-1)!, request);
  }

  private changeStatus(): void {
    const { standing } = this.engine;
    const term = standing.term + (this.below(3) === 0 ? 1 : 0);
    const role = this.below(3) === 0 ? this.oneOf(Object.values(Role)) : standing.role;
    const leader = this.below(3) === 0 ? this.below(3) : standing.leader;
    this.engine.standing = { ...standing, role: this.below(2) === 0 ? Role.Leader : role, term, leader };
    this.tick();
  }

  /** A turn carries out all that its engine wants, and asks for no other unless there is more. */
  private tick(): void {
    const { outputs } = this.engine;
    const wants = outputs.length;
    this.driven.replica.tick();
    expect(outputs).toHaveLength(Math.max(0, wants - 16));
    this.run();
  }

  private run(): void {
    const { turns } = this.driven;
    for (let i = 0; turns.length > 0; i++) {
      expect(i).toBeLessThan(TURNS_MAX);
      (turns as (() => void)[]).shift()!();
    }
    this.judge();
  }

  // What the engine brings forth.

  private plan(): void {
    for (let count = 1 + this.below(this.below(10) === 0 ? 30 : 4); count > 0; count--) this.planOutput();
    this.driven.replica.receive(2, 'what makes it want so');
  }

  private planOutput(): void {
    const parts: { -readonly [K in keyof Output<string>]?: Output<string>[K] } = {};
    const has = () => this.below(4) === 0;
    if (this.below(25) === 0) this.planRestore(parts);
    else if (has()) this.planWrite(parts);
    if (has()) parts.messages = this.envelopes('now');
    if (has()) parts.messagesAfterPersist = this.envelopes('after');
    if (has() && this.handedOut < this.lastIndex) {
      const to = this.handedOut + 1 + this.below(this.lastIndex - this.handedOut);
      const committed: Entry[] = [];
      while (this.handedOut < to) committed.push(this.log.get(++this.handedOut)!);
      parts.committed = committed;
    }
    if (has()) this.planRejection(parts);
    if (has()) this.planReads(parts);
    if (has()) this.planRequests(parts);
    if (Object.keys(parts).length === 0) parts.messages = this.envelopes('now');
    if (has()) parts.events = ['catchup', 'injectentries'];
    this.engine.outputs.push(outputOf(parts));
    this.engine.standing = { ...this.engine.standing, lastIndex: this.lastIndex };
  }

  private envelopes(kind: 'now' | 'after') {
    return Array.from({ length: 1 + this.below(2) }, () => {
      return { to: 2, message: `${kind} ${this.labels++} ${this.mark}` };
    });
  }

  private planWrite(parts: { persist?: PersistBatch | undefined; accepted?: Output<string>['accepted'] }): void {
    const { term } = this.engine.standing;
    const entries: Entry[] = [];
    const append = (type: EntryType) => {
      const entry = new Entry(++this.lastIndex, term, type, REGISTER_BYTES);
      this.log.set(entry.index, entry);
      entries.push(entry);
    };
    if (this.below(4) === 0) append(EntryType.Internal);
    const next = this.undecided();
    if (next !== undefined) {
      const { token, offset, left } = next;
      const count = 1 + this.below(left);
      this.decided.set(token, offset + count);
      parts.accepted = [{ token, offset, count, firstIndex: this.lastIndex + 1, term }];
      for (let i = 0; i < count; i++) append(EntryType.Normal);
    }
    parts.persist = { mark: ++this.mark, entries, mustSync: true };
  }

  private planRestore(parts: { persist?: PersistBatch; restore?: Snapshot }): void {
    const index = this.lastIndex + 1 + this.below(3);
    const { term } = this.engine.standing;
    const data = new KeyValueStore().snapshot();
    const snapshot = { index, term, configuration: simpleConfiguration([1, 2, 3]), content: new MemoryContent(data) };
    parts.restore = snapshot;
    parts.persist = { mark: ++this.mark, snapshot, entries: [], mustSync: true };
    this.lastIndex = index;
    this.handedOut = index;
  }

  private undecided() {
    for (const { token, commands } of this.engine.batches) {
      const offset = this.decided.get(token) ?? 0;
      if (offset < commands.length) return { token, offset, left: commands.length - offset };
    }
    return undefined;
  }

  private planRejection(parts: { rejected?: Output<string>['rejected'] }): void {
    const next = this.undecided();
    if (next === undefined) return;
    const { token, offset, left: count } = next;
    this.decided.set(token, offset + count);
    parts.rejected = [{ token, offset, count, ...this.oneOf([FAILED, BUSY]) }];
  }

  private planReads(parts: { reads?: Output<string>['reads'] }): void {
    const token = this.engine.reads.find((each) => !this.saidReads.has(each));
    if (token === undefined) return;
    this.saidReads.add(token);
    const failed = { token, ok: false, ...this.oneOf([FAILED, BUSY]) } as const;
    parts.reads = [this.below(4) === 0 ? failed : { token, ok: true, index: this.lastIndex }];
  }

  private planRequests(parts: { requests?: Output<string>['requests'] }): void {
    const token = this.engine.requests.find((each) => !this.saidRequests.has(each));
    if (token === undefined) return;
    this.saidRequests.add(token);
    const missing = { silent: [3], behind: [] };
    parts.requests = [this.below(2) === 0 ? { token, ok: true } : { token, ok: false, ...FAILED, missing }];
  }

  // What the judge sees.

  private drained(output: Output<string>): void {
    this.noteProposed();
    for (const event of output.events) this.events.push(event);
    // One that comes before an earlier one is durable takes its place.
    if (output.restore !== undefined) this.restores = [{ mark: output.persist!.mark, snapshot: output.restore }];
    for (const { message } of output.messages) this.messages.push({ label: message, mark: markOf(message) });
    for (const { message } of output.messagesAfterPersist) {
      this.messagesAfter.push({ label: message, mark: markOf(message) });
    }
    this.committed = output.restore?.index ?? this.committed;
    this.committed = output.committed.at(-1)?.index ?? this.committed;
    for (const { token, offset, count, firstIndex } of output.accepted) {
      const tags = this.tagsOfBatch.get(token)!.slice(offset, offset + count);
      for (const [i, tag] of tags.entries())
        Object.assign(this.asked.get(tag)!, { fate: 'in the log', index: firstIndex + i });
    }
    for (const { token, offset, count, reason } of output.rejected) {
      for (const tag of this.tagsOfBatch.get(token)!.slice(offset, offset + count))
        this.asked.get(tag)!.fate = fateOf(reason);
    }
    for (const read of output.reads) {
      for (const tag of this.tagsOfRead.get(read.token)!) {
        Object.assign(
          this.asked.get(tag)!,
          read.ok ? { fate: 'confirmed', index: read.index } : { fate: fateOf(read.reason) },
        );
      }
    }
    for (const { token, ...result } of output.requests) this.requests.get(token)!.expected = result;
  }

  /** What gathered is proposed as one batch, and asked for by one read. */
  private noteProposed(): void {
    const [batch, read] = [this.engine.batches.at(-1), this.engine.reads.at(-1)];
    if (batch !== undefined && !this.tagsOfBatch.has(batch.token)) {
      this.tagsOfBatch.set(batch.token, this.unproposed);
      expect(batch.commands).toHaveLength(this.unproposed.length);
      this.unproposed = [];
    }
    if (read !== undefined && !this.tagsOfRead.has(read)) {
      this.tagsOfRead.set(read, this.unread);
      this.unread = [];
    }
  }

  private sent(label: string): void {
    const list = label.startsWith('now') ? this.messages : this.messagesAfter;
    const next = list.shift();
    expect(label).toBe(next?.label);
    const reached = label.startsWith('now') ? this.writtenMark : this.driven.store.durableMark;
    expect(reached, `${label} left at mark ${reached}`).toBeGreaterThanOrEqual(next!.mark);
  }

  private applied(entry: Entry): void {
    expect(this.restores).toEqual([]);
    expect(entry).toBe(this.log.get(this.appliedIndex + 1));
    expect(entry.index).toBeLessThanOrEqual(this.committed);
    this.appliedIndex = entry.index;
  }

  private restored({ index, content }: Snapshot): void {
    const restore = this.restores.shift()!;
    expect([index, content]).toEqual([restore.snapshot.index, restore.snapshot.content]);
    expect(this.driven.store.durableMark).toBeGreaterThanOrEqual(restore.mark);
    expect(this.driven.stateMachine.snapshot()).toEqual(contentBytes(content));
    this.appliedIndex = index;
    this.snapshotIndex = index;
    this.restoredIndex = index;
  }

  private storedSnapshot({ index, content, term }: Snapshot): void {
    expect(this.storing).toBe(0);
    expect(this.restores).toEqual([]);
    expect([index, term]).toEqual([this.appliedIndex, this.log.get(index)?.term]);
    expect(isSnapshotDue(1, SNAPSHOT_EVERY, index, this.snapshotIndex)).toBe(true);
    expect(contentBytes(content)).toEqual(this.driven.stateMachine.snapshot());
    this.storing = index;
  }

  private commandDone(tag: number, outcome: CommandOutcome): void {
    const asked = this.asked.get(tag)!;
    expect(asked.told).toBeUndefined();
    asked.told = outcome.status;
    if (outcome.status !== 'ok') return;
    expect([asked.fate, asked.index, outcome.clientId]).toEqual(['in the log', this.appliedIndex, this.appliedIndex]);
  }

  private lookupDone(tag: number, outcome: LookupOutcome): void {
    const asked = this.asked.get(tag)!;
    expect(asked.told).toBeUndefined();
    asked.told = outcome.status;
    if (outcome.status === 'ok') expect(this.appliedIndex).toBeGreaterThanOrEqual(asked.index);
  }

  private get serves(): boolean {
    return this.engine.standing.role === Role.Leader && this.engine.standing.leader === SELF;
  }

  private compareStatus(): void {
    const { replica } = this.driven;
    const { role, leader } = this.engine.standing;
    expect(`${replica.leads} ${replica.knownLeader}`).toBe(`${role === Role.Leader} ${leader}`);
  }

  /** No turn is due: all that was to be done is done. */
  private judge(): void {
    const { store } = this.driven;
    const engine = this.engine;
    if (engine.isUnheeded) expect.unreachable(`not drained after ${engine.heard.at(-1)}`);
    engine.heard.length = 0;
    const isDue = ({ mark }: { readonly mark: number }) => mark <= engine.durableMark;
    const due = [this.messages, this.events, this.messagesAfter.filter(isDue), this.restores.filter(isDue)];
    const undone = [engine.outputs, ...due].map(({ length }) => length);
    expect(undone.join()).toBe('0,0,0,0,0');
    expect(this.writtenMark).toBe(this.mark);
    if (this.restores.length === 0) expect(this.appliedIndex).toBe(this.committed);
    expect(engine.appliedIndex).toBe(this.appliedIndex);
    const stored = store.snapshot()?.index ?? 0;
    if (this.storing !== 0 && stored >= this.storing) {
      this.snapshotIndex = Math.max(this.snapshotIndex, this.storing);
      this.storing = 0;
    }
    this.judgeStatus();
    for (const [tag, asked] of this.asked) {
      this.judgeAsked(tag, asked);
      if (asked.told !== undefined) this.asked.delete(tag);
    }
    for (const [token, { expected, told }] of this.requests) {
      expect(told).toEqual(expected);
      if (told !== undefined) this.requests.delete(token);
    }
  }

  private judgeStatus(): void {
    const changed = this.lastStanding !== standingOf(this.engine.standing);
    expect(this.seenStatus).toBe(standingOf(this.engine.standing));
    this.compareStatus();
    if (changed && this.servedBefore) {
      // Nobody can tell what becomes of what stands in the log.
      for (const [tag, { fate, told, index }] of this.asked) {
        if (fate !== 'in the log' || index <= this.appliedIndex) continue;
        if (told !== 'unknown') expect.unreachable(`${tag} was told ${told}, and its leader serves no longer`);
      }
      this.isLost = new Set([...this.asked].filter(([, { told }]) => told === 'unknown').map(([tag]) => tag));
    }
    this.lastStanding = standingOf(this.engine.standing);
    this.servedBefore = this.serves;
  }

  private judgeAsked(tag: number, { fate, index, told }: Asked): void {
    const isApplied = index <= this.appliedIndex;
    // Where a snapshot took the place of its entry, nobody knows, and that is said when the next entry is applied.
    const applied =
      index <= this.restoredIndex ? ['ok', 'unknown', undefined] : [this.isLost.has(tag) ? 'unknown' : 'ok'];
    const allowed: Record<Asked['fate'], readonly (string | undefined)[]> = {
      none: [undefined],
      'in the log': isApplied ? applied : [this.isLost.has(tag) ? 'unknown' : undefined],
      confirmed: isApplied ? ['ok'] : [undefined],
      'not-leader': ['not-leader'],
      overloaded: ['overloaded'],
    };
    if (!allowed[fate].includes(told)) expect.unreachable(`${tag}: ${fate} at ${index}, and it was told ${told}`);
  }
}

function standingOf({
  role,
  term,
  leader,
}: {
  readonly role: Role;
  readonly term: number;
  readonly leader: number;
}): string {
  return `${role} ${term} ${leader}`;
}

function markOf(label: string): number {
  return Number(label.split(' ')[2]);
}

function fateOf(reason: RejectReason): Asked['fate'] {
  return reason === RejectReason.NotLeader ? 'not-leader' : 'overloaded';
}

describe('a replica, whatever its engine brings forth', () => {
  it('writes, sends, applies, restores and answers in the order that makes each of them true, and leaves nothing undone', async () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      const trial = new Trial(seed);
      for (let i = 0; i < STEPS; i++) await trial.step();
      await trial.settle();
      for (let i = 0; i < STEPS; i++) await trial.step();
      await trial.end();
    }
  });
});
