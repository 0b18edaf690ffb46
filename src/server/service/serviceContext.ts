import type { NodeId } from '../../consensus/contract.ts';
import type { FrontDoor } from '../admission/frontDoor.ts';
import type { Replica } from '../host/replica.ts';
import type { ServerMetrics } from '../observe/metrics.ts';
import type { SessionStream } from './sessionStream.ts';

/** What the gRPC services share. */
export interface ServiceContext {
  readonly replica: Replica<unknown>;
  readonly metrics: ServerMetrics;
  readonly serverCount: number;
  /** A marshalled command may not be larger, or it could not be sent on to the other servers. */
  readonly commandBytesMax: number;
  /** Open session streams. */
  readonly sessions: Set<SessionStream>;
  /** Knows who asks, and how much may be kept for whom. */
  readonly door: Pick<FrontDoor, 'connectionOf' | 'mayHold'>;
  /** Unix time, µs. */
  nowUs(): number;
  /** The leader this server knows of: id 0 and an empty address where it knows none. */
  leader(): { readonly id: NodeId; readonly address: string };
  address(id: NodeId): string;
  /** A write that came at `startUs` is acknowledged. */
  written(startUs: number): void;
  /** Calls back, once, when this server becomes the leader; at once where it is. Returns how to stop waiting. */
  onceLeader(then: () => void): () => void;
}
