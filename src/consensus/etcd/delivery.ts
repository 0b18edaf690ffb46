import type { Entry } from '../entry.ts';
import { recordsSize } from '../entryCodec.ts';
import type { RaftState } from './state.ts';
import { appliedTo } from './step.ts';

/** Hands committed entries to the host, and tells the node what was applied of them, in the portions in which it counts them. */
export class Delivery {
  private readonly state: RaftState;
  private committed: Entry[] = [];
  /** Handed out and not applied yet. */
  private readonly portions: { readonly last: number; readonly bytes: number }[] = [];

  constructor(state: RaftState) {
    this.state = state;
  }

  handOut(entries: readonly Entry[]): void {
    const last = entries[entries.length - 1]!.index;
    this.portions.push({ last, bytes: recordsSize(entries) });
    for (const entry of entries) this.committed.push(entry);
  }

  take(): readonly Entry[] {
    const { committed } = this;
    if (committed.length > 0) this.committed = [];
    return committed;
  }

  /** Everything up to `index` is. */
  applied(index: number): void {
    while (this.portions.length > 0 && this.portions[0]!.last <= index) {
      const { last, bytes } = this.portions.shift()!;
      appliedTo(this.state, last, bytes);
    }
  }
}
