import {
  EMPTY_HARD_STATE,
  type Engine,
  type EngineKind,
  type EngineSettings,
  type HardState,
  type NodeId,
  type Output,
} from '../contract.ts';
import type { Entry } from '../entry.ts';
import { receiveContent, TEST_SETTINGS } from './engineCluster.ts';
import { MemoryLog } from './memoryLog.ts';

export interface SteppedStart {
  readonly id: NodeId;
  readonly bootstrap: readonly NodeId[];
  readonly hardState?: HardState;
  readonly entries?: readonly Entry[];
  readonly settings?: Partial<EngineSettings>;
  /** What it draws: 0 by default, the shortest wait. */
  readonly random?: () => number;
}

/** One engine alone: a test steps one message and looks at the outbox. Writes are durable at once, or when the test says so. */
export class SteppedEngine<M> {
  readonly log = new MemoryLog();
  readonly engine: Engine<M>;
  nowMs = 0;
  private readonly tickMs: number;
  private mark = 0;

  constructor(
    kind: EngineKind<M>,
    { id, bootstrap, hardState = EMPTY_HARD_STATE, entries = [], settings, random = () => 0 }: SteppedStart,
  ) {
    this.log.persist({ mark: 0, entries, hardState, mustSync: true });
    const all = { ...TEST_SETTINGS, ...settings };
    this.tickMs = all.heartbeatMs / 2;
    this.engine = kind.create({
      id,
      settings: all,
      random,
      nowMs: 0,
      hardState,
      log: this.log,
      bootstrap,
      appliedIndex: 0,
      receiveContent,
    });
  }

  /** What the turn brings forth: its writes are handed to the log but not durable, and what is committed is applied. */
  turn(): Output<M> {
    const output = this.engine.drain();
    if (output.persist !== undefined) {
      this.log.persist(output.persist);
      this.mark = output.persist.mark;
    }
    const applied = output.committed[output.committed.length - 1]?.index;
    if (applied !== undefined) this.engine.applied(applied);
    return output;
  }

  sync(): void {
    this.engine.durable(this.mark);
  }

  /** A turn whose writes are durable at once. */
  settle(): Output<M> {
    const output = this.turn();
    this.sync();
    return output;
  }

  /** One message in, one durable turn out. */
  step(from: NodeId, message: M): Output<M> {
    this.engine.receive(from, message);
    return this.settle();
  }

  /** Ticks as often as a host does, then one durable turn. */
  pass(durationMs: number): Output<M> {
    const endMs = this.nowMs + durationMs;
    while (this.nowMs < endMs) {
      this.nowMs = Math.min(endMs, this.nowMs + this.tickMs);
      this.engine.tick(this.nowMs);
    }
    return this.settle();
  }
}
