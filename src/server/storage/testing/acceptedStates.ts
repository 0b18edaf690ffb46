import { expect } from 'vitest';
import type { LogStore } from '../contract.ts';
import type { SimpleLogStore } from '../simpleLogStore.ts';
import { contentOf, Listener } from '../testing.ts';

interface AcceptedState {
  readonly mark: number;
  readonly model: SimpleLogStore;
}

/** What a store may show after a crash: every state that it accepted since the last one, the one that was found then included. */
export class AcceptedStates {
  private states: AcceptedState[] = [];
  /** Marks of batches that had to be synced; a mark of another batch promises nothing. */
  private syncMarks: number[] = [];

  /** A batch, or a snapshot beside the log, was accepted, and the last batch has this mark. */
  accept(mark: number, model: SimpleLogStore): void {
    this.states.push({ mark, model: model.copy(new Listener()) });
  }

  /** The batch with this mark has to be synced. */
  mustSync(mark: number): void {
    this.syncMarks.push(mark);
  }

  /**
   * Compares what `store` shows after a crash: exactly one of those states, not older than what was reported as durable, which are a
   * mark and indices of snapshots. Returns a model that goes on from that state, which from now on is the only one.
   */
  goOnFrom(store: LogStore, durableMark: number, storedSnapshots: readonly number[]): SimpleLogStore {
    // As text: comparing so often would take most of the time otherwise.
    const found = JSON.stringify(contentOf(store));
    const match = this.states.findLast(({ model }) => JSON.stringify(contentOf(model)) === found);
    expect(match, `after a crash with mark ${durableMark} durable: ${found}`).toBeDefined();
    const { mark, model } = match!;
    expect(mark).toBeGreaterThanOrEqual(this.syncMarks.findLast((each) => each <= durableMark) ?? 0);
    expect(store.snapshot()?.index ?? 0).toBeGreaterThanOrEqual(Math.max(0, ...storedSnapshots));
    this.states = [{ mark, model }];
    this.syncMarks = [];
    return model.copy(new Listener());
  }
}
