import type { NodeId } from '../../consensus/contract.ts';
import type { Identity, Introduction } from './identity.ts';

/**
 * While a server is admitted its earlier process may still run. The fence in the log keeps that one out wherever it stands
 * (fences.ts); this is what keeps it from whoever admits until then, and all that does where a survivor admits.
 */
export interface ShutOut {
  /** The state of this index was sent: until a folder that may be heard says hello, it stays as it is. */
  given(index: number): void;
  over(): void;
}

interface Bar {
  /** The index of the admission that a folder must have at least. */
  readonly least: number;
  readonly asker: Introduction;
}

/** Whose earlier selves this process does not hear, because it admits them again. */
export class ShutOuts {
  private readonly bars = new Map<NodeId, Bar>();

  /** A server asks for admission. */
  begin(asker: Introduction): ShutOut {
    const { id } = asker;
    let after = this.bars.get(id);
    this.bars.set(id, { least: Number.POSITIVE_INFINITY, asker });
    return {
      given: (index) => {
        after = { least: index, asker };
      },
      over: () => {
        if (after === undefined) this.bars.delete(id);
        else this.bars.set(id, after);
      },
    };
  }

  /** Whether nothing of this server may be used. It may once `own` met a folder that was admitted as far, or farther. */
  isDeafTo(id: NodeId, own: Identity): boolean {
    const bar = this.bars.get(id);
    if (bar === undefined) return false;
    if ((own.known.get(id)?.admitted ?? 0) < bar.least) return true;
    this.bars.delete(id);
    return false;
  }

  /** Whether one that says this of itself is not even met. It may be said by anybody: nothing follows from it. */
  refuses(claim: Introduction, own: Identity): boolean {
    if (!this.isDeafTo(claim.id, own)) return false;
    const { least, asker } = this.bars.get(claim.id)!;
    if (claim.admitted >= least) return false;
    return least === Number.POSITIVE_INFINITY || !tookPartSince(asker, claim);
  }

  /** One that is not refused was met: what it says is true. */
  met(claim: Introduction): void {
    const bar = this.bars.get(claim.id);
    if (bar !== undefined && tookPartSince(bar.asker, claim)) this.bars.delete(claim.id);
  }
}

/**
 * Whether `claim` is of the folder that asked, at that start or a later one, and was admitted in the meantime by another answer:
 * what it asked first came late, or twice. It is nobody's earlier self then. When it asked it was empty, so the admission that it
 * has made harmless whatever was promised before; and what it promised since it knows.
 */
function tookPartSince(asker: Introduction, claim: Introduction): boolean {
  if (!claim.isMember || claim.admitted === 0 || claim.instance !== asker.instance) return false;
  return claim.life === asker.life || claim.earlierLives.includes(asker.life);
}
