import type { CallAdmission, Pausable } from '../../net/grpc/method.ts';
import type { GrpcError } from '../../net/grpc/status.ts';
import { OVERLOADED_FAILURE } from '../../wire/outcome.ts';
import { RefusalPace } from './refusalPace.ts';

/** Calls that are taken and not answered. What comes on top would wait for long, and is refused at once. */
export const UNARY_OPEN_MAX = 2048;
/** Calls are refused while one that was taken waits for this long: they would wait as long, or longer. */
export const UNARY_AGE_MS_MAX = 500;
/** A turn of the event loop takes no more calls after this long: the peers' heartbeats come with the next. */
export const UNARY_TURN_MS_MAX = 200;
/** So many may be open however long they take: a burst, or a slow disk, is no overload. */
export const UNARY_OPEN_ALWAYS = 1024;

/** Calls that came in one turn of the event loop: when the first of them did, and how many are not answered. */
interface Turn {
  readonly startMs: number;
  open: number;
}

/**
 * Clients' unary calls that are not going to be served soon are refused before they are read, so that they cost as little as
 * possible: that is what remains to be done of the work that nobody can do.
 */
export class UnaryAdmission implements CallAdmission {
  private readonly nowMs: () => number;
  /** The turn in which each call was taken that is not answered. */
  private readonly open = new Map<object, Turn>();
  /**
   * The turns that calls came in, in order. What is asked at every call is how long the
   * oldest call waits: the first of a Map is behind all that were deleted before it, 4 to 5 µs where 2,048 come and go.
   */
  private readonly turns: Turn[] = [];
  private firstTurn = 0;
  private reason: () => GrpcError | undefined = () => undefined;
  /** The turn of the event loop that goes on, once a call came in it. */
  private turn: Turn | undefined;
  private readonly pace: RefusalPace;

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
    this.pace = new RefusalPace(nowMs, () => this.reason());
  }

  /** `reason`: why calls are refused before they are read, such as who leads instead; the same object as long as it is the same. */
  refuseWhile(reason: () => GrpcError | undefined): void {
    this.reason = reason;
  }

  refusal(): GrpcError | undefined {
    return this.reason() ?? this.overload(this.nowMs());
  }

  /** A leader answers all at once: what it can take is taken from among them. */
  refused(connection: Pausable, count: number): void {
    this.pace.refused(connection, count);
  }

  private overload(nowMs: number): GrpcError | undefined {
    const turn = this.thisTurn(nowMs);
    const { size } = this.open;
    if (size < UNARY_OPEN_ALWAYS) return undefined;
    if (size >= UNARY_OPEN_MAX || nowMs - turn.startMs > UNARY_TURN_MS_MAX) return OVERLOADED_FAILURE;
    this.dropEmptyTurns();
    return nowMs - this.turns[this.firstTurn]!.startMs > UNARY_AGE_MS_MAX ? OVERLOADED_FAILURE : undefined;
  }

  /** Immediates run once all that came in this turn is handled. */
  private thisTurn(nowMs: number): Turn {
    if (this.turn !== undefined) return this.turn;
    this.dropEmptyTurns();
    this.turn = { startMs: nowMs, open: 0 };
    this.turns.push(this.turn);
    setImmediate(() => {
      this.turn = undefined;
    });
    return this.turn;
  }

  private dropEmptyTurns(): void {
    const { turns } = this;
    while (turns[this.firstTurn]?.open === 0 && turns[this.firstTurn] !== this.turn) this.firstTurn++;
    if (2 * this.firstTurn <= turns.length) return;
    // Of many at once, so that each is moved once or so.
    turns.splice(0, this.firstTurn);
    this.firstTurn = 0;
  }

  begin(call: object): void {
    const turn = this.turn ?? this.thisTurn(this.nowMs());
    turn.open++;
    this.open.set(call, turn);
  }

  end(call: object): void {
    const turn = this.open.get(call);
    if (turn === undefined) return;
    this.open.delete(call);
    turn.open--;
  }
}
