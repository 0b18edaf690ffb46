import type { StartName } from '../storage/binding.ts';
import {
  type Identity,
  type Introduction,
  type Misfit,
  misfitOf,
  type Stage,
  startedAgain,
  withChanges,
  withKnown,
} from './identity.ts';

/**
 * The identity of one start of a server, wherever it is kept. Every change is stored before it is visible, but for the
 * start of a member: it is nowhere until `countStart`, nor is what is learnt before, which it cannot have used.
 */
export abstract class KeptIdentity {
  private current: Identity;
  private readonly previous: string;
  private isCounted = false;
  /** Whether this server, which is new, is about to join a cluster (startDecision.ts). */
  joins = false;

  /** `last` is what the last start left, and `life` names this one. */
  constructor(last: Identity, life: string) {
    this.current = startedAgain(last, life);
    this.previous = last.life;
  }

  /** Makes it durable, or throws. */
  protected abstract store(next: Identity): void;

  /** What the data are to be bound to, before this start counts, or becomes a member. */
  get startName(): StartName {
    const { boots, life } = this.current;
    return { boots, life, previous: this.previous };
  }

  /** They are, durably. What is stored from now on says so: `countStart` or a change is to follow. */
  noteBound(): void {
    this.current = withChanges(this.current, { isBound: true });
  }

  /** To be called before this start takes part, and only where nobody objects to it. */
  countStart(): void {
    this.store(this.current);
    this.isCounted = true;
  }

  /**
   * Whether `claim` is told who this is. Nobody may hear of a start that is not on disk: noted by others and then lost, it
   * would be missed. And who is about to join must not be taken for new by somebody who may found a cluster upon that:
   * only those found one that are new themselves.
   */
  answers({ isMember }: Introduction): boolean {
    return this.isCounted && (isMember || !this.joins || this.current.stage !== 'new');
  }

  get identity(): Identity {
    return this.current;
  }

  change(part: Partial<Pick<Identity, 'cluster' | 'stage' | 'admitted' | 'known'>>): void {
    this.write(withChanges(this.current, part));
  }

  /**
   * What is wrong with another server's introduction, which was heard at that server's own address (hearsay.ts is for what was not).
   * Where nothing is, and this one takes part, the server is known from here on: durably, so that its messages may be used. Throws
   * where that cannot be written.
   */
  meet(claim: Introduction): Misfit | undefined {
    const misfit = misfitOf(this.current, claim);
    if (misfit !== undefined) return misfit;
    const next = withKnown(this.current, claim);
    if (next !== this.current) this.write(next);
    return undefined;
  }

  private write(next: Identity): void {
    if (this.isCounted) this.store(next);
    this.current = next;
  }
}

/** The others may be about to begin with the instance of a new server: it is to be the same at its next start. */
export function startsCountAtOnce(stage: Stage | undefined): boolean {
  return stage !== 'member';
}
