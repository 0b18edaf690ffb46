import type { FaultEnvironment } from '../../faults/environment.ts';
import { fateOf, Lane, type LinkCondition } from '../../faults/lane.ts';

/** Messages that may be under way in one direction at once; what comes on top is lost, as in a network. */
const WAITING_MAX = 16_384;

export interface FaultyLaneOptions<M> {
  readonly environment: FaultEnvironment;
  /** Asked where bandwidth is limited. */
  readonly sizeOf: (message: M) => number;
  readonly isUrgent: (message: M) => boolean;
  /** Messages whose time has come, in order. */
  readonly deliver: (messages: readonly M[]) => void;
}

/** The lane that goes by `condition` from now on: a new one where nothing was wrong so far, none where nothing is any more. */
export function laneFor<M>(
  lane: FaultyLane<M> | undefined,
  condition: LinkCondition | undefined,
  options: FaultyLaneOptions<M>,
): FaultyLane<M> | undefined {
  if (condition !== undefined && lane === undefined) return new FaultyLane(condition, options);
  if (condition === undefined) lane?.end();
  else lane?.change(condition);
  return condition === undefined ? undefined : lane;
}

/** What becomes of a message: it goes on at once, follows by `deliver`, or gets nowhere. */
export type LaneFate = 'now' | 'later' | 'cut' | 'lost';

/** One direction of a link while something is wrong with it: loses messages, or keeps them until they arrive. */
export class FaultyLane<M> {
  private readonly options: FaultyLaneOptions<M>;
  private readonly lane = new Lane();
  private currentCondition: LinkCondition;
  /** In the order in which they arrive. */
  private waiting: { readonly dueUs: number; readonly message: M }[] = [];
  /** Of when the first of them is due. */
  private callOff = () => {};

  constructor(condition: LinkCondition, options: FaultyLaneOptions<M>) {
    this.currentCondition = condition;
    this.options = options;
  }

  get condition(): LinkCondition {
    return this.currentCondition;
  }

  /** What is under way arrives when it would have. */
  change(condition: LinkCondition): void {
    this.currentCondition = condition;
  }

  take(message: M): LaneFate {
    const { currentCondition: condition, lane, waiting } = this;
    const { environment, sizeOf, isUrgent } = this.options;
    const fate = fateOf(condition, environment.next);
    if (fate !== 'carried') return fate;
    const now = environment.nowUs();
    const isLimited = condition.bytesPerSecond !== Number.POSITIVE_INFINITY;
    const bytes = isLimited ? sizeOf(message) : 0;
    const dueUs = lane.arrivalUs(condition, now, bytes, environment.next, isLimited && isUrgent(message));
    if (dueUs <= now && waiting.length === 0) return 'now';
    if (waiting.length >= WAITING_MAX) return 'lost';
    let at = waiting.length;
    while (at > 0 && waiting[at - 1]!.dueUs > dueUs) at--;
    waiting.splice(at, 0, { dueUs, message });
    if (at === 0) this.sleep();
    return 'later';
  }

  private sleep(): void {
    this.callOff();
    const first = this.waiting[0];
    if (first === undefined) return;
    const { nowUs, after } = this.options.environment;
    this.callOff = after(Math.max(0, first.dueUs - nowUs()), () => this.wake());
  }

  private wake(): void {
    const now = this.options.environment.nowUs();
    const due = this.waiting.findIndex(({ dueUs }) => dueUs > now);
    this.release(due < 0 ? this.waiting.length : due);
    this.sleep();
  }

  private release(count: number): void {
    const messages = this.waiting.splice(0, count).map(({ message }) => message);
    if (messages.length > 0) this.options.deliver(messages);
  }

  /** Nothing is wrong any more: what is under way arrives now. */
  end(): void {
    this.callOff();
    this.release(this.waiting.length);
  }

  /** What is under way never arrives. */
  close(): void {
    this.callOff();
    this.waiting = [];
  }
}
