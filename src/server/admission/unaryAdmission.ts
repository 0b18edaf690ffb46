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

/**
 * Clients' unary calls that are not going to be served soon are refused before they are read, so that they cost as little as
 * possible: that is what remains to be done of the work that nobody can do.
 */
export class UnaryAdmission implements CallAdmission {
  private readonly nowMs: () => number;
  /** When each call came, in the order in which they were taken. */
  private readonly open = new Map<object, number>();
  private reason: () => GrpcError | undefined = () => undefined;
  /** When the first call of this turn of the event loop came. */
  private turnStartMs: number | undefined;
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
    this.noteTurn(nowMs);
    const { size } = this.open;
    if (size < UNARY_OPEN_ALWAYS) return undefined;
    if (size >= UNARY_OPEN_MAX || nowMs - this.turnStartMs! > UNARY_TURN_MS_MAX) return OVERLOADED_FAILURE;
    for (const startMs of this.open.values())
      return nowMs - startMs > UNARY_AGE_MS_MAX ? OVERLOADED_FAILURE : undefined;
    return undefined;
  }

  /** Immediates run once all that came in this turn is handled. */
  private noteTurn(nowMs: number): void {
    if (this.turnStartMs !== undefined) return;
    this.turnStartMs = nowMs;
    setImmediate(() => {
      this.turnStartMs = undefined;
    });
  }

  begin(call: object): void {
    this.open.set(call, this.nowMs());
  }

  end(call: object): void {
    this.open.delete(call);
  }
}
