import type { NodeId } from '../consensus/contract.ts';
import type { Census } from './census.ts';
import { InvariantViolation } from './violation.ts';

/** Who begins, and the others as they are. */
interface Beginner {
  readonly id: NodeId;
  readonly folder: { readonly forgets: boolean };
  readonly peers: ReadonlyMap<NodeId, { readonly id: NodeId; readonly remembers: boolean }>;
}

/** Joining with nothing is right only for one that has promised nothing, and founding where nobody knows of a promise. */
export function checkBeginning(
  kind: 'found' | 'join' | 'original',
  { id, folder, peers }: Beginner,
  bootstrap: readonly NodeId[],
  census: Census,
): void {
  const fail = (what: string) => {
    throw new InvariantViolation('whole memory', `server ${id} begins with nothing (${kind}): ${what}`);
  };
  if (kind === 'original') fail('there are no servers of the original');
  if (kind === 'join' && folder.forgets) fail('it has promised something before');
  const old = [...peers.values()].find((other) => other.remembers && bootstrap.includes(other.id));
  if (kind === 'found' && old !== undefined) fail(`server ${old.id} remembers a cluster`);
  census.count(kind === 'found' ? 'cluster founded' : 'founding joined');
}
