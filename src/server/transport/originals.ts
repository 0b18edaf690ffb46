import type { NodeId } from '../../consensus/contract.ts';
import type { ToOriginal } from '../../consensus/unaryCalls.ts';
import { MIXED_CLUSTER } from '../../wire/originalTexts.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';

/** The original's servers among the others, as far as they were asked who they are: a cluster that has one is mixed. */
export class Originals {
  private readonly log: LimitedLog;
  private readonly known = new Set<NodeId>();
  /** Of those, who lacks what only a snapshot would bring. */
  private readonly behind = new Set<NodeId>();
  /** And who comes to an entry of our log that it does not know. */
  private readonly stopped = new Set<NodeId>();

  constructor(log: LimitedLog) {
    this.log = log;
  }

  /** Ascending. */
  get ids(): readonly NodeId[] {
    return ascending(this.known);
  }

  /** Those that a leader cannot bring up to date, as far as its last message to each shows; ascending. */
  get outOfReach(): readonly NodeId[] {
    return ascending(new Set([...this.behind, ...this.stopped]));
  }

  /** Asked who it is, the server did not know the question. */
  met(id: NodeId): void {
    if (this.known.has(id)) return;
    this.known.add(id);
    this.log.warn({ peer: id }, `this cluster is mixed: server ${id} is one of the original's. ${MIXED_CLUSTER}`);
  }

  /** The server is one of ours. */
  replaced(id: NodeId): void {
    this.behind.delete(id);
    this.stopped.delete(id);
    if (!this.known.delete(id)) return;
    const rest =
      this.known.size === 0
        ? "no server is known to be one of the original's"
        : `of the original there are still ${this.ids.join(', ')}`;
    this.log.info({ peer: id }, `server ${id} is one of ours by now; ${rest}`);
  }

  /** Whether such a message is to go to it. */
  takes(id: NodeId, what: ToOriginal): boolean {
    if (what === 'entries') this.behind.delete(id);
    if (what === 'unknown') this.stop(id);
    if (what !== 'snapshot') return what === 'entries' || what === 'other';
    if (this.behind.has(id)) return false;
    this.behind.add(id);
    this.log.warn(
      { peer: id },
      `server ${id} is one of the original's, which take no snapshots, and lacks entries that this server's log does not hold any more: it stays behind until a server leads that has them, or until it is replaced (docs/interop.md)`,
    );
    return false;
  }

  private stop(id: NodeId): void {
    if (this.stopped.has(id)) return;
    this.stopped.add(id);
    this.log.warn(
      { peer: id },
      `server ${id} is one of the original's, which do not bound what sessions hold, and this cluster does since an entry of its log: it is sent nothing from there on and stays behind until it is replaced (docs/interop.md)`,
    );
  }
}

function ascending(ids: ReadonlySet<NodeId>): readonly NodeId[] {
  return [...ids].sort((a, b) => a - b);
}
