import type { NodeId } from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { decodeFence, type Fence, type Fences } from '../../wire/fence.ts';
import { RefusedDataError } from '../storage/contract.ts';
import type { Identity, Introduction } from './identity.ts';

/** Whose words count under an id: of an introduction, or of what is known of a server. */
export type Speaker = Pick<Introduction, 'instance' | 'admitted'>;

/**
 * The fences that are in force where the log holds `entries`, of which `applied` are those of the applied state: a fence counts
 * from where it stands in the log, committed or not, and no longer once it is truncated.
 */
export function fencesInForce(applied: Fences, entries: readonly Entry[]): Fences {
  if (entries.length === 0) return applied;
  const all = new Map<NodeId, Fence>(applied);
  for (const { index, data } of entries) {
    const fence = decodeFence(data);
    if (fence === undefined || index <= (all.get(fence.id)?.index ?? 0)) continue;
    all.set(fence.id, { index, instance: fence.instance });
  }
  return all;
}

/**
 * Whether what a process says in the name of the fenced server counts: it runs on the folder that the fence names, or
 * on one that was admitted later.
 */
export function passes(fence: Fence | undefined, { instance, admitted }: Speaker): boolean {
  return fence === undefined || instance === fence.instance || admitted >= fence.index;
}

/**
 * Whether what a process said of itself when its connection began still makes it the one to be heard: no fence is in force
 * against it, and no folder of its server is known that was admitted later.
 */
export function stillCounts(own: Identity, fences: Fences, claim: Speaker & Pick<Introduction, 'id'>): boolean {
  return passes(fences.get(claim.id), claim) && (own.known.get(claim.id)?.admitted ?? 0) <= claim.admitted;
}

/** Another folder was, or is being, admitted under this server's id. */
export class FencedError extends RefusedDataError {
  override readonly name = 'FencedError';
  override readonly remedy = 'stop whatever else runs under this id, and start this server once with -rejoin';
  constructor(id: NodeId, { index, instance }: Fence) {
    super(
      `server ${id} is another process by now: entry ${index} of the log admits the folder ${instance}, which this is not; what this one would promise could contradict what that one promises`,
    );
  }
}
