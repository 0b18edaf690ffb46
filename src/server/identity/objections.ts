import type { NodeId } from '../../consensus/contract.ts';
import type { Misfit } from './identity.ts';

/** What the peers of a server that takes part have against it, and whether that is to be believed. */
export class Objections {
  private readonly bootstrap: readonly NodeId[];
  /** Who takes this server for one of another cluster. */
  private readonly strangers = new Set<NodeId>();

  /** `bootstrap` is `-cluster`. */
  constructor(bootstrap: readonly NodeId[]) {
    this.bootstrap = bootstrap;
  }

  /**
   * Server `peer` refuses this one: whether this one must stop. A peer that remembers more of it than it does itself is
   * believed: going on would break what it promised. That its folder is another cluster's is believed of most of the initial members.
   */
  areDecisive(peer: NodeId, misfit: Misfit): boolean {
    if (misfit === 'other-cluster' && this.bootstrap.includes(peer)) this.strangers.add(peer);
    const isCertain = misfit === 'forgotten' || misfit === 'older-copy';
    return isCertain || this.strangers.size > this.bootstrap.length / 2;
  }

  /** Server `peer` takes this one for who it says it is, or what said otherwise is gone: a wrong folder is put right one server at a time. */
  withdrawnBy(peer: NodeId): void {
    this.strangers.delete(peer);
  }
}
