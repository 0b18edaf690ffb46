import type { NodeId } from '../contract.ts';
import { ReadQueue, type ReadState } from './readQueue.ts';

/** What a node has only while it leads. */
export class LeaderState {
  /** No further membership change before the entry at this index is applied. */
  pendingConfIndex: number;
  /** Where the log ended when the present configuration came into force here, or this leadership began. */
  configuredAt: number;
  /** The latest removal in the log that a majority of the coming voters may commit (see `commitMore`). */
  removal: { readonly index: number; readonly voters: readonly NodeId[] } | undefined;
  /** Who shall take over; 0 where nobody. Proposals are dropped meanwhile. */
  transferee: NodeId = 0;
  heartbeatElapsed = 0;
  /** With coalesced appends: something is to be sent at the next flush. */
  appendDue = false;
  /** With coalesced appends: a membership change was committed, and the others shall hear of it at once. */
  commitDue = false;
  readonly reads = new ReadQueue();
  /** Reads that wait until an entry of this term is committed: until then the commit index may be an old one. */
  readonly earlyReads: ReadState[] = [];

  constructor(lastIndex: number) {
    this.pendingConfIndex = lastIndex;
    this.configuredAt = lastIndex;
  }

  /**
   * Whether a majority of the present voters holds an entry that was appended under the present configuration. Whoever holds such an
   * entry knows the configuration, for its commit came with it; and whoever goes by the one before needs the vote of one of them.
   */
  isConfigurationKnown(committed: number): boolean {
    return committed > this.configuredAt;
  }
}
