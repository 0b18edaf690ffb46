import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { FaultListener } from '../../scenarios/stepPlayer.ts';

/** Real servers that a scenario is played on. */
export interface PlayedCluster {
  readonly ids: readonly number[];
  readonly addresses: readonly string[];
  /** How one proves to the servers that one may do what a scenario does. */
  readonly security: Security;
  status(): Promise<readonly ServerSample[]>;
  beginFault(fault: RequestedFault, forMs: number | undefined, listener: FaultListener): void;
  heal(): Promise<unknown>;
  stopServer(id: number): Promise<void>;
  startServer(id: number): Promise<void>;
}
