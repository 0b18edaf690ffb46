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
  /** To the replica. */
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
}

/**
 * Stands between a replica and its transport, and lets the faults of links befall what goes to peers and what comes from them: whole
 * messages of the engine. The connections that carry these stay up.
 */
export class FaultyPeers<M> {
  private readonly options: FaultyPeersOptions<M>;
  /** Of those alone with which something is wrong. */
  private readonly lanes: Readonly<Record<Way, Map<NodeId, FaultyLane<M>>>> = { to: new Map(), from: new Map() };

  constructor(options: FaultyPeersOptions<M>) {
    this.options = options;
    this.refresh();
  }

  /** Faults have come or gone. */
  refresh(): void {
    for (const way of ['to', 'from'] as const) for (const peer of this.options.peers) this.refreshLane(peer, way);
  }

  private refreshLane(peer: NodeId, way: Way): void {
    const lanes = this.lanes[way];
    const lane = laneFor(lanes.get(peer), this.options.conditionOf(peer, way), this.laneOptions(peer, way));
    if (lane === undefined) lanes.delete(peer);
    else lanes.set(peer, lane);
  }

  private laneOptions(peer: NodeId, way: Way): FaultyLaneOptions<M> {
    const { environment, sizeOf, mayOvertake, send, receive } = this.options;
    const deliver =
      way === 'to'
        ? (messages: readonly M[]) => send(messages.map((message) => ({ to: peer, message })))
        : (messages: readonly M[]) => {
            for (const message of messages) receive(peer, message);
          };
    return { environment, sizeOf, isUrgent: mayOvertake, deliver };
  }

  send(envelopes: readonly Envelope<M>[]): void {
    const { send } = this.options;
    const { to: lanes } = this.lanes;
    if (lanes.size === 0) {
      send(envelopes);
      return;
    }
    const passing = envelopes.filter(({ to, message }) => (lanes.get(to)?.take(message) ?? 'now') === 'now');
    if (passing.length > 0) send(passing);
  }

  /** A message that comes late, or never, is refused to nobody. */
  receive(from: NodeId, message: M): Refusal | undefined {
    const lane = this.lanes.from.get(from);
    return lane === undefined || lane.take(message) === 'now' ? this.options.receive(from, message) : undefined;
  }

  /** Nothing of what is under way arrives. */
  close(): void {
    for (const lanes of Object.values(this.lanes)) for (const lane of lanes.values()) lane.close();
  }
}
