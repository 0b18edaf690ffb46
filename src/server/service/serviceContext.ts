import type { NodeId } from '../../consensus/contract.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import type { Replica } from '../host/replica.ts';
import type { ServerMetrics } from '../observe/metrics.ts';
import type { SessionContext } from './sessionStream.ts';

/** What the gRPC services share. */
export interface ServiceContext extends SessionContext {
  readonly replica: Replica<unknown>;
  readonly metrics: ServerMetrics;
  readonly serverCount: number;
  /** Knows who asks, and how much may be kept for whom. */
  readonly door: Pick<FrontDoor, 'connectionOf' | 'mayHold'>;
  address(id: NodeId): string;
  /** Calls back, once, when this server becomes the leader; at once where it is. Returns how to stop waiting. */
  onceLeader(then: () => void): () => void;
}
