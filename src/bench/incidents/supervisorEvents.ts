import type { EventRecord } from '../../supervisor/eventLog.ts';
import type { IncidentLog, OpenIncident } from './incidentLog.ts';
import type { LeaderWatch } from './leaderWatch.ts';

/** Notes what a cluster's supervisor says that has happened, whether it is this process or another one. */
export class SupervisorEvents {
  private readonly log: IncidentLog;
  private readonly watch: LeaderWatch;
  private readonly faults = new Map<unknown, OpenIncident>();

  constructor(log: IncidentLog, watch: LeaderWatch) {
    this.log = log;
    this.watch = watch;
  }

  /** At `atMs` of the load's clock. */
  happened({ type, text, id, what }: EventRecord, atMs: number): void {
    const server = typeof id === 'number' ? id : null;
    switch (type) {
      case 'crashed':
      case 'refused':
      case 'ended':
        if (server !== null) this.watch.ended(atMs, server, text);
        return;
      case 'fault-began':
        this.faults.set(
          id,
          this.log.add({ kind: 'fault', atMs, server: null, what: typeof what === 'string' ? what : text }),
        );
        return;
      case 'fault-ended':
        this.faults.get(id)?.end(atMs);
        this.faults.delete(id);
        return;
      case 'held':
      case 'transferred':
      case 'membership':
        this.log.add({ kind: 'step', atMs, server, what: text });
    }
  }
}
