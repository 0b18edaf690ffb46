import type { SessionsBound } from '../host/stateMachine.ts';
import { Session } from './session.ts';

/**
 * What the numbers of all sessions together may take, in the measure of SparseNumbers.weight (8 to 12 bytes each): 25 MB on every
 * replica. 256 clients of the original's kind, each of which keeps all the numbers that are told apart, take that much.
 */
export const NUMBERS_HELD_MAX = 1 << 21;
/**
 * The bound is to begin once this part of it is held: snapshots of before it take up to 512 bytes for each number, and so 134 MB at most.
 */
const DUE_SHARE = 1 / 8;
/**
 * Sessions that give up numbers for one insert: each at least half of what it holds, so what is too much when the bound begins is gone
 * soon, and no entry takes long.
 */
const SHED_SESSIONS_MAX = 8;
/**
 * Sessions that weigh less are of one class: those of clients that do nothing wrong. What a stream may have unanswered (SESSION_WINDOW)
 * lies in five blocks at most, which weigh 320; of eight blocks, 28 672 numbers in a row and more are less. A power of two.
 */
export const LIGHT_WEIGHT = 512;
/** More numbers than are told apart weigh less than 2^31. */
const CLASSES = 32 - Math.log2(LIGHT_WEIGHT);

/**
 * The bound of what sessions remember of numbers ahead of their turn, for all sessions together. One of 20 000 sessions with 128 such
 * numbers each costs little; together they took 1.3 GB on every replica, which no bound of a session prevents.
 *
 * **The rule.** Each insert whose number is applied ahead of its turn is counted. Where all sessions together then hold more than
 * `weightMax`, the session that holds most gives up half: the numbers that are missing in the lower half of what it holds can no longer be
 * told apart (Session.giveUp, which the window of a session has always used). It "holds most" to a factor of two, and of those that do so
 * it is the one that was longest not used, or not made to hold no more than so much. All that weigh less than LIGHT_WEIGHT hold equally
 * much: among these the least recently used gives up, again and again until it holds nothing. So who leaves out many numbers in many
 * sessions gives up his own, be they many small ones: those of a session that goes on stand behind all that do not. It would be its turn
 * only where others insert ahead of their turn under 4 000 sessions and more between two of its own inserts, all the time full of numbers
 * (weightMax / LIGHT_WEIGHT). One that leaves out number 1 for ever, as the original's clients do, gives up that one, and goes on.
 *
 * **Why nothing is done twice and nothing acknowledged is lost.** Giving up raises a session's floor, and whatever is at its floor or below
 * is refused as 'sequence-too-old', never applied. What was applied stays in the keys: the rule touches nothing but what is remembered of
 * numbers. A client is told the same as one that left a number 524 288 behind: that it cannot be told any more whether the number was
 * applied, and before the log where the leader has applied that (KeyValueStore.foresee: a floor only rises). Every insert that is in its
 * turn is applied, however much is held.
 *
 * **Why all replicas do the same.** What is held, its weight, its class and the order within a class follow from the entries applied since
 * the bound began, and from nothing else: no flag, clock or memory. A snapshot has the order as well, so a replica that restored one goes
 * on as those that did not. The constants here are part of the state machine: whoever changes one makes another rule, which needs an entry
 * of its own.
 *
 * **When it begins.** The rule makes another state of the same log, so a replica of an earlier build beside it would come to other keys. It
 * is in force behind an entry of its own, EntryType.BoundSessions, and nowhere before it: where that entry stands is the same on all
 * replicas, also on those that apply the log anew. A leader writes it once an eighth of the bound is held and all members, joint and
 * learners, have said at their own addresses that they read it (peerVersions.ts, docs/peers.md "Versions"). Should an earlier build meet it
 * nevertheless, as a member that is added or started again with the older program, it cannot go on in ignorance: it takes no entry of a
 * type that it does not know, be it from a peer (the link ends; it acknowledges nothing behind it) or from its disk (its data are refused),
 * nor a snapshot of the version that says that the bound is in force. Until then sessions hold what they held before; a cluster in which
 * one server is older, or one of the original's, has no bound but that each number takes no more than the weight says; in its snapshots one
 * by itself takes up to 512 bytes still. One of the original's would take the entry and pass over it: it is sent none (originals.ts).
 */
export class HeldNumbers {
  private readonly weightMax: number;
  private total = 0;
  private listed = 0;
  /** By class, least recently used first; undefined before the bound is in force. */
  private classes: SessionList[] | undefined;

  constructor(weightMax: number) {
    this.weightMax = weightMax;
  }

  /** Of all sessions together. */
  get weight(): number {
    return this.total;
  }

  get bound(): SessionsBound {
    if (this.classes !== undefined) return 'in-force';
    return this.total > DUE_SHARE * this.weightMax ? 'due' : 'unneeded';
  }

  /** The session was used, and holds what it holds now. */
  used(session: Session): void {
    if (session.above.size === 0 && session.heldWeight === 0) return;
    this.weigh(session);
    this.list(session);
    if (this.classes !== undefined) this.shed(this.classes);
  }

  /** There is no such session any more. */
  forget(session: Session): void {
    this.total -= session.heldWeight;
    session.heldWeight = 0;
    this.list(session);
  }

  /**
   * The bound is in force from here on. `sessions`: all that are used, in the order of the table, which a snapshot has as well. Who goes on
   * is behind all others soon: to sort a million of them by their last use would keep everybody waiting for a second.
   */
  begin(sessions: Iterable<Session>): void {
    if (this.classes !== undefined) return;
    this.classes = noClasses();
    for (const session of sessions) this.list(session);
  }

  /** Takes all of a snapshot: the sessions that are used, and where the bound is in force those that hold something, in its order. */
  replace(sessions: Iterable<Session>, order: readonly Session[] | undefined): void {
    this.total = 0;
    this.listed = 0;
    this.classes = order === undefined ? undefined : noClasses();
    for (const session of order ?? sessions) {
      this.weigh(session);
      this.list(session);
    }
  }

  /** How many hold something, where the bound is in force. */
  get holders(): number {
    return this.listed;
  }

  /** These, in the order that decides who gives up: whoever restores it goes on as this one does. */
  *order(): Iterable<Session> {
    for (const list of this.classes ?? []) yield* list;
  }

  private weigh(session: Session): void {
    const { weight } = session.above;
    this.total += weight - session.heldWeight;
    session.heldWeight = weight;
  }

  /** It is the last of its class. */
  private list(session: Session): void {
    if (remove(session)) this.listed--;
    if (this.classes === undefined || session.heldWeight === 0) return;
    this.classes[classOf(session.heldWeight)]!.append(session);
    this.listed++;
  }

  private shed(classes: readonly SessionList[]): void {
    for (let shed = 0; this.total > this.weightMax && shed < SHED_SESSIONS_MAX; shed++) {
      const session = classes.findLast((list) => list.first !== undefined)!.first!;
      const before = classOf(session.heldWeight);
      session.giveUpHalf();
      this.weigh(session);
      // Of one class it stays the first.
      if (session.heldWeight === 0 || classOf(session.heldWeight) < before) this.list(session);
    }
  }
}

/** A list through the sessions themselves: one of a million moves without a search. */
class SessionList {
  /** Stands before the first and behind the last. */
  private readonly end = new Session(0);

  constructor() {
    this.end.previous = this.end;
    this.end.next = this.end;
  }

  get first(): Session | undefined {
    const { end } = this;
    return end.next === end ? undefined : end.next;
  }

  append(session: Session): void {
    const { end } = this;
    const last = end.previous!;
    session.previous = last;
    session.next = end;
    last.next = session;
    end.previous = session;
  }

  *[Symbol.iterator](): Iterator<Session> {
    for (let each = this.end.next!; each !== this.end; each = each.next!) yield each;
  }
}

/** Returns whether it was in a list. */
function remove(session: Session): boolean {
  const { previous, next } = session;
  if (previous === undefined || next === undefined) return false;
  previous.next = next;
  next.previous = previous;
  session.previous = undefined;
  session.next = undefined;
  return true;
}

const noClasses = () => Array.from({ length: CLASSES }, () => new SessionList());

/** Between two classes lies a factor of two, so whoever gives up half comes into a lower one, but for the lowest. */
export const classOf = (weight: number): number =>
  Math.clz32(LIGHT_WEIGHT - 1) - Math.clz32(weight | (LIGHT_WEIGHT - 1));
