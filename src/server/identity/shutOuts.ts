import type { NodeId } from '../../consensus/contract.ts';
import type { Identity, Introduction } from './identity.ts';

/** While a server is admitted, its earlier process may still run, and must not be heard by whom its fence is counted. */
export interface ShutOut {
  /** The state of this index was sent: until a folder with it, or a later one, says hello, it stays as it is. */
  given(index: number): void;
  over(): void;
}

/** Whose earlier selves this process does not hear, because it admits them again. */
export class ShutOuts {
  /** The index of the admission that each may have. */
  private readonly least = new Map<NodeId, number>();

  /** Server `id` asks for admission. */
  begin(id: NodeId): ShutOut {
    let after = this.least.get(id);
    this.least.set(id, Number.POSITIVE_INFINITY);
    return {
      given: (index) => {
        after = index;
      },
      over: () => {
        if (after === undefined) this.least.delete(id);
        else this.least.set(id, after);
      },
    };
  }

  /** Whether nothing of this server may be used. It may once `own` met a folder that was admitted as far, or farther. */
  isDeafTo(id: NodeId, own: Identity): boolean {
    const least = this.least.get(id);
    if (least === undefined) return false;
    if ((own.known.get(id)?.admitted ?? 0) < least) return true;
    this.least.delete(id);
    return false;
  }

  /** Whether one that says this of itself is not even met. */
  bars(claim: Introduction, own: Identity): boolean {
    return this.isDeafTo(claim.id, own) && claim.admitted < this.least.get(claim.id)!;
  }
}
