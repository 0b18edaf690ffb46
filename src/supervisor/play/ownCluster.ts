import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { ServerSample } from '../../scenarios/samples.ts';
import type { FaultListener } from '../../scenarios/stepPlayer.ts';
import type { ClusterEvent } from '../events.ts';
import type { RunningCluster } from '../launcher.ts';
import type { PlayedCluster } from './playedCluster.ts';

/** A cluster of this process; it is to be told of the cluster's events. */
export class OwnCluster implements PlayedCluster {
  private readonly cluster: RunningCluster;
  private readonly listeners = new Map<number, FaultListener>();
  /** When processes were started that have not answered yet, ms. */
  private readonly starting = new Map<number, number>();
  /** How long servers that went on from their data took until they answered. */
  readonly startsMs: number[] = [];

  constructor(cluster: RunningCluster) {
    this.cluster = cluster;
  }

  get ids(): readonly number[] {
    return this.cluster.plan.servers.map(({ id }) => id);
  }

  get addresses(): readonly string[] {
    return this.cluster.addresses;
  }

  get security(): Security {
    return this.cluster.security;
  }

  happened(event: ClusterEvent): void {
    if (event.type === 'started' && event.from === 'data') this.starting.set(event.id, performance.now());
    if (event.type !== 'fault-ended' || event.why === 'stopped') return;
    this.listeners.get(event.id)?.over();
    this.listeners.delete(event.id);
  }

  async status(): Promise<readonly ServerSample[]> {
    const reports = await this.cluster.status();
    for (const { id, term } of reports) {
      const startedMs = this.starting.get(id);
      if (startedMs === undefined || term === undefined) continue;
      this.starting.delete(id);
      this.startsMs.push(performance.now() - startedMs);
    }
    return reports;
  }

  beginFault(what: RequestedFault, forMs: number | undefined, listener: FaultListener): void {
    this.cluster.faults.begin({ what, forMs }).then(
      (report) => {
        if (report !== undefined) this.listeners.set(report.id, listener);
        listener.began();
      },
      (error: Error) => listener.failed(error.message),
    );
  }

  heal(): Promise<unknown> {
    return this.cluster.faults.heal();
  }

  stopServer(id: number): Promise<void> {
    return this.cluster.stopServer(id);
  }

  async startServer(id: number): Promise<void> {
    this.cluster.startServer(id, 'data');
  }
}
