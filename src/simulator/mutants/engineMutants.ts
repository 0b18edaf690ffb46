import {
  type Engine,
  type EngineInit,
  type LogReader,
  type NodeId,
  type Output,
  type Refusal,
  Role,
} from '../../consensus/contract.ts';
import type { EngineEntry } from '../../consensus/engineEntry.ts';
import { DelegatingEngine } from '../delegates.ts';
import type { MessageTools } from './messageTools.ts';

/** Sends some of what must wait for the disk without waiting. */
export class SendsBeforeDurable extends DelegatingEngine<unknown> {
  private readonly hurries: (message: unknown) => boolean;

  constructor(inner: Engine<unknown>, hurries: (message: unknown) => boolean) {
    super(inner);
    this.hurries = hurries;
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const hurried = output.messagesAfterPersist.filter(({ message }) => this.hurries(message));
    if (hurried.length === 0) return output;
    const patient = output.messagesAfterPersist.filter(({ message }) => !this.hurries(message));
    return { ...output, messages: [...output.messages, ...hurried], messagesAfterPersist: patient };
  }
}

/** Believes its own writes durable as soon as it has handed them over. */
export class CountsItselfAtOnce extends DelegatingEngine<unknown> {
  override drain(): Output<unknown> {
    const output = this.inner.drain();
    if (output.persist !== undefined) this.inner.durable(output.persist.mark);
    return output;
  }
}

/** Changes messages on their way in. */
export class Mishears extends DelegatingEngine<unknown> {
  private readonly change: (message: unknown) => unknown;

  constructor(inner: Engine<unknown>, change: (message: unknown) => unknown) {
    super(inner);
    this.change = change;
  }

  override receive(from: NodeId, message: unknown): Refusal | undefined {
    return this.inner.receive(from, this.change(message) ?? message);
  }
}

/** Takes one follower's acknowledgement for everybody's. */
export class CountsOneForAll extends DelegatingEngine<unknown> {
  private readonly tools: MessageTools;

  constructor(inner: Engine<unknown>, tools: MessageTools) {
    super(inner);
    this.tools = tools;
  }

  override receive(from: NodeId, message: unknown): Refusal | undefined {
    const refusal = this.inner.receive(from, message);
    if (!this.tools.isAppendAcknowledgement(message)) return refusal;
    const { id, configuration } = this.inner.status();
    for (const voter of configuration.voters) {
      if (voter !== from && voter !== id) this.inner.receive(voter, this.tools.sentBy(message, voter));
    }
    return refusal;
  }
}

/** Answers every read from what it knows itself. */
export class AnswersReadsAtOnce extends DelegatingEngine<unknown> {
  private readonly asFollower: boolean;
  private tokens: number[] = [];

  constructor(inner: Engine<unknown>, asFollower: boolean) {
    super(inner);
    this.asFollower = asFollower;
  }

  override read(token: number): void {
    if (this.asFollower || this.inner.status().role === Role.Leader) this.tokens.push(token);
    else this.inner.read(token);
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    if (this.tokens.length === 0) return output;
    const index = this.inner.status().commitIndex;
    const reads = this.tokens.map((token) => ({ token, ok: true as const, index }));
    this.tokens = [];
    return { ...output, reads: [...output.reads, ...reads] };
  }
}

/** Hands entries over as committed as soon as they are in its log. */
export class AppliesUncommitted extends DelegatingEngine<unknown> {
  private readonly log: LogReader;
  private delivered: number;

  constructor(inner: Engine<unknown>, init: EngineInit) {
    super(inner);
    this.log = init.log;
    this.delivered = init.appliedIndex;
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    if (output.restore !== undefined) this.delivered = output.restore.index;
    if (output.persist !== undefined || this.log.lastIndex <= this.delivered) {
      return { ...output, committed: output.committed.filter((entry) => this.isNext(entry.index)) };
    }
    const { lastIndex } = this.log;
    const committed = this.log.entries(this.delivered + 1, lastIndex, Number.MAX_SAFE_INTEGER);
    this.delivered += committed.length;
    return { ...output, committed };
  }

  private isNext(index: number): boolean {
    if (index !== this.delivered + 1) return false;
    this.delivered = index;
    return true;
  }

  override applied(): void {
    this.inner.applied(Math.min(this.delivered, this.inner.status().commitIndex));
  }
}

/** Takes a chunk of an older snapshot for one of that which it has begun with. */
export class TakesOlderChunks extends DelegatingEngine<unknown> {
  private readonly tools: MessageTools;
  private readonly chunkPlace: NonNullable<EngineEntry['chunkPlace']>;
  private readonly latest = new Map<NodeId, { readonly index: number; readonly message: unknown }>();

  constructor(inner: Engine<unknown>, tools: MessageTools, { chunkPlace }: EngineEntry) {
    super(inner);
    this.tools = tools;
    this.chunkPlace = chunkPlace!;
  }

  override receive(from: NodeId, message: unknown): Refusal | undefined {
    const place = this.chunkPlace(message);
    if (place === undefined) return this.inner.receive(from, message);
    const latest = this.latest.get(from);
    if (latest !== undefined && place.index < latest.index) {
      return this.inner.receive(from, this.tools.asChunkOf(message, latest.message));
    }
    this.latest.set(from, { index: place.index, message });
    return this.inner.receive(from, message);
  }
}

/** Keeps what its log held after the last entry of a snapshot that takes the place of it. */
export class KeepsSuffixes extends DelegatingEngine<unknown> {
  private readonly log: LogReader;

  constructor(inner: Engine<unknown>, { log }: EngineInit) {
    super(inner);
    this.log = log;
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const { persist } = output;
    const after = (persist?.snapshot?.index ?? Number.POSITIVE_INFINITY) + 1;
    if (persist === undefined || persist.entries.length > 0 || after > this.log.lastIndex) return output;
    if (after < this.log.firstIndex) return output;
    const entries = this.log.entries(after, this.log.lastIndex, Number.MAX_SAFE_INTEGER);
    return { ...output, persist: { ...persist, entries } };
  }
}
