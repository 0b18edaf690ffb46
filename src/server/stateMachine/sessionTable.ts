import { broken } from '../../consensus/parts/turnGuard.ts';
import { SEQUENCE_WINDOW } from '../../wire/limits.ts';
import { HeldNumbers, NUMBERS_HELD_MAX } from './heldNumbers.ts';
import { Session } from './session.ts';

export interface SessionLimits {
  /** Sessions kept. */
  readonly sessionsMax: number;
  /** Entries of the log after which a session that was never used may be forgotten for another's sake. */
  readonly unusedIdleEntries: number;
  /** The same for a session that was used, since its last use. */
  readonly usedIdleEntries: number;
  /** Numbers of a session that are told apart, below the highest that is applied. */
  readonly sequenceWindow: number;
  /** What the numbers of all sessions together may take (heldNumbers.ts). */
  readonly numbersHeldMax: number;
}

export const SESSION_LIMITS: SessionLimits = {
  sessionsMax: 1 << 20,
  unusedIdleEntries: 1 << 16,
  usedIdleEntries: 1 << 20,
  sequenceWindow: SEQUENCE_WINDOW,
  numbersHeldMax: NUMBERS_HELD_MAX,
};
/** Sessions looked at for one that can be forgotten, for one registration. */
const LOOKED_AT_MAX = 64;

/**
 * The sessions of the state machine, and which of them is forgotten when there are too many. Idleness is counted in entries of
 * the log, so that every replica forgets the same. Registering costs a stranger nothing and using a session is what a client
 * does: those never used go first, oldest first; then the least recently used, about; one in use is never forgotten, rather is
 * the registration refused.
 */
export class SessionTable {
  readonly limits: SessionLimits;
  readonly held: HeldNumbers;
  /** Ids of sessions never used, ascending. */
  private readonly unused = new Set<number>();
  /** In the order in which they were first used, or were found in use when one was to be forgotten. */
  private readonly used = new Map<number, Session>();
  /**
   * Where the first of each stands. Everything before is deleted; an iterator made anew would walk over all the holes that
   * deleting from the front leaves, which made every registration beyond the bound take a millisecond.
   */
  private unusedHand = this.unused.values();
  private usedHand = this.used.entries();
  /** What the hand passed last: alone of what was never used it may stand behind it. */
  private oldestUnused = 0;
  /** The last one that was registered here. */
  private newest = 0;

  constructor(limits: SessionLimits = SESSION_LIMITS) {
    this.limits = limits;
    this.held = new HeldNumbers(limits.numbersHeldMax);
  }

  get size(): number {
    return this.unused.size + this.used.size;
  }

  /** A session to look at, or to use and then to say so. */
  get(id: number): Session | undefined {
    return this.used.get(id) ?? (this.unused.has(id) ? new Session(id) : undefined);
  }

  /** The entry `index` used the session that `get` gave for this id. */
  noteUse(id: number, session: Session, index: number): void {
    if (session.lastUsed === 0) {
      this.unused.delete(id);
      this.used.set(id, session);
    }
    session.lastUsed = index;
    this.held.used(session);
  }

  /** From here on what the numbers of all of them take is bounded. */
  bound(): void {
    this.held.begin(this.used.values());
  }

  /** Makes the session that the entry `index` registers; false where there is no room and nothing to forget. */
  register(index: number): boolean {
    if (this.size >= this.limits.sessionsMax && !this.forgetUnused(index) && !this.forgetUsed(index)) return false;
    if (index <= this.newest) broken('session numbers rise', `session ${index} is registered after ${this.newest}`);
    this.newest = index;
    this.unused.add(index);
    return true;
  }

  private forgetUnused(index: number): boolean {
    if (this.unused.size === 0) return false;
    // One that is not behind the hand is before it: there is a next one.
    if (!this.unused.has(this.oldestUnused)) this.oldestUnused = this.unusedHand.next().value!;
    if (index - this.oldestUnused < this.limits.unusedIdleEntries) return false;
    return this.unused.delete(this.oldestUnused);
  }

  private forgetUsed(index: number): boolean {
    const lookedAtMax = Math.min(LOOKED_AT_MAX, this.used.size);
    for (let lookedAt = 0; lookedAt < lookedAtMax; lookedAt++) {
      // Whatever was passed is deleted, and may stand at the end once more: there is a next one.
      const [id, session] = this.usedHand.next().value!;
      this.used.delete(id);
      if (index - session.lastUsed >= this.limits.usedIdleEntries) {
        this.held.forget(session);
        return true;
      }
      this.used.set(id, session);
    }
    return false;
  }

  /** In the order that decides who is forgotten: a table filled in this order goes on as this one does. */
  get usedSessions(): ReadonlyMap<number, Session> {
    return this.used;
  }

  get unusedIds(): ReadonlySet<number> {
    return this.unused;
  }

  /** Takes what stands in a snapshot in the place of all there is. `holding`: HeldNumbers.replace. */
  replace(used: Iterable<readonly [number, Session]>, unused: Iterable<number>, holding?: readonly Session[]): void {
    this.used.clear();
    this.unused.clear();
    this.oldestUnused = 0;
    this.newest = 0;
    this.usedHand = this.used.entries();
    this.unusedHand = this.unused.values();
    for (const [id, session] of used) this.used.set(id, session);
    for (const id of unused) this.unused.add(id);
    this.held.replace(this.used.values(), holding);
  }
}
