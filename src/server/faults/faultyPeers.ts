import type { Envelope, NodeId, Refusal } from '../../consensus/contract.ts';
import type { FaultEnvironment } from '../../faults/environment.ts';
import type { Way } from '../../faults/faultBook.ts';
import type { LinkCondition } from '../../faults/lane.ts';
import { type FaultyLane, type FaultyLaneOptions, laneFor } from './faultyLane.ts';

export interface FaultyPeersOptions<M> {
  readonly environment: FaultEnvironment;
  /** Bytes that it takes on its way. */
  readonly sizeOf: (message: M) => number;
  /** It may arrive before what was sent earlier and is large. */
  readonly mayOvertake: (message: M) => boolean;
  readonly peers: readonly NodeId[];
  /** Undefined where nothing is wrong with that. */
  readonly conditionOf: (peer: NodeId, way: Way) => LinkCondition | undefined;
  /** To the transport. */
  readonly send: (envelopes: readonly Envelope<M>[]) => void;
  /** To the replica, of what still counts. */
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
}

interface Arrival<M> {
  readonly message: M;
  readonly counts: () => boolean;
}

const ALWAYS = () => true;

/**
 * Stands between a replica and its transport, and lets the faults of links befall what goes to peers and what comes from them: whole
 * messages of the engine. The connections that carry these stay up.
 */
export class FaultyPeers<M> {
  private readonly options: FaultyPeersOptions<M>;
  /** Of those alone with which something is wrong. */
  private readonly to = new Map<NodeId, FaultyLane<M>>();
  private readonly from = new Map<NodeId, FaultyLane<Arrival<M>>>();

  constructor(options: FaultyPeersOptions<M>) {
    this.options = options;
    this.refresh();
  }

  /** Faults have come or gone. */
  refresh(): void {
    const { peers, environment, sizeOf, mayOvertake, send } = this.options;
    for (const peer of peers) {
      this.refreshLane(this.to, peer, 'to', {
        environment,
        sizeOf,
        isUrgent: mayOvertake,
        deliver: (messages) => send(messages.map((message) => ({ to: peer, message }))),
      });
      this.refreshLane(this.from, peer, 'from', {
        environment,
        sizeOf: ({ message }) => sizeOf(message),
        isUrgent: ({ message }) => mayOvertake(message),
        deliver: (arrivals) => {
          for (const arrival of arrivals) this.arrive(peer, arrival);
        },
      });
    }
  }

  private refreshLane<T>(
    lanes: Map<NodeId, FaultyLane<T>>,
    peer: NodeId,
    way: Way,
    options: FaultyLaneOptions<T>,
  ): void {
    const lane = laneFor(lanes.get(peer), this.options.conditionOf(peer, way), options);
    if (lane === undefined) lanes.delete(peer);
    else lanes.set(peer, lane);
  }

  private arrive(from: NodeId, { message, counts }: Arrival<M>): void {
    if (counts()) this.options.receive(from, message);
  }

  send(envelopes: readonly Envelope<M>[]): void {
    const { send } = this.options;
    const lanes = this.to;
    if (lanes.size === 0) {
      send(envelopes);
      return;
    }
    const passing = envelopes.filter(({ to, message }) => (lanes.get(to)?.take(message) ?? 'now') === 'now');
    if (passing.length > 0) send(passing);
  }

  /**
   * A message that comes late, or never, is refused to nobody. `counts`: whether its sender still is who it was; of one that comes late
   * it is asked then, for it may have been shut out meanwhile.
   */
  receive(from: NodeId, message: M, counts = ALWAYS): Refusal | undefined {
    const lane = this.from.get(from);
    const isNow = lane === undefined || lane.take({ message, counts }) === 'now';
    return isNow ? this.options.receive(from, message) : undefined;
  }

  /** Nothing of what is under way arrives. */
  close(): void {
    for (const lanes of [this.to, this.from]) for (const lane of lanes.values()) lane.close();
  }
}
