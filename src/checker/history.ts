/**
 * What clients did and saw: the input of the linearizability checker.
 *
 * Two shapes exist. A list of **events** is what a recorder writes down while things happen; a list of **operations**,
 * each with its interval, is what the checker reads. `operationsFromEvents` leads from the first to the second.
 */

/** Stands in the place of an output that was never learnt: the operation may take effect at any later time, or never. */
export const UNKNOWN: unique symbol = Symbol('unknown outcome');
export type Unknown = typeof UNKNOWN;

/** One client call. Times only have to be comparable with one another; the unit is the caller's. */
export interface Operation<Input, Output> {
  readonly client: string | number;
  readonly key: string;
  readonly input: Input;
  /** What the client was told, or `UNKNOWN`. An operation known to have had no effect does not belong in a history. */
  readonly output: Output | Unknown;
  readonly invokeAt: number;
  /**
   * `Infinity` exactly when the output is `UNKNOWN`. One operation comes before another only if its `returnAt` is
   * *less* than the other's `invokeAt`; equal times count as concurrent, the reading that accuses nobody wrongly.
   */
  readonly returnAt: number;
  /** For people only: when it happened on the recorder's clock, where `invokeAt` and `returnAt` are event positions. */
  readonly recorded?: { readonly invokeTime: number; readonly returnTime?: number };
}

/**
 * One line of a recording. `fail` says that the operation certainly had no effect; a conditional operation that was
 * refused (a compare-and-set that found another value) is `ok` with an output that says so, for that is an observation.
 */
export type HistoryEvent<Input, Output> =
  | {
      readonly type: 'invoke';
      readonly id: number;
      readonly client: string | number;
      readonly key: string;
      readonly input: Input;
      readonly time: number;
    }
  | { readonly type: 'ok'; readonly id: number; readonly output: Output; readonly time: number }
  | { readonly type: 'fail'; readonly id: number; readonly time: number }
  | { readonly type: 'unknown'; readonly id: number; readonly time: number };

/** A history that contradicts itself: an outcome without an invocation, a return before its invocation, a bad time. */
export class HistoryError extends Error {
  override readonly name = 'HistoryError';
}

/** Refuses operations whose interval makes no sense. Throws `HistoryError` naming the first such operation. */
export function assertWellFormed<Input, Output>(operations: readonly Operation<Input, Output>[]): void {
  for (const [index, operation] of operations.entries()) {
    const where = `operation ${index} (client ${operation.client}, key ${JSON.stringify(operation.key)})`;
    if (!Number.isFinite(operation.invokeAt)) {
      throw new HistoryError(`${where}: invokeAt is ${operation.invokeAt}, expected a finite number`);
    }
    if (operation.output === UNKNOWN) {
      if (operation.returnAt !== Infinity) {
        throw new HistoryError(`${where}: returnAt is ${operation.returnAt}, expected Infinity for an unknown outcome`);
      }
    } else if (!Number.isFinite(operation.returnAt) || operation.returnAt < operation.invokeAt) {
      throw new HistoryError(
        `${where}: returnAt is ${operation.returnAt}, expected a finite number not below invokeAt ${operation.invokeAt}`,
      );
    }
  }
}

/**
 * Turns a recording, in the order in which things happened, into operations ordered by invocation. `invokeAt` and
 * `returnAt` become positions in the recording: exact even where the recorder's clock stood still. Failed operations
 * are dropped; an operation that never got an outcome is unknown. Throws `HistoryError` on an impossible sequence.
 */
export function operationsFromEvents<Input, Output>(
  events: readonly HistoryEvent<Input, Output>[],
): Operation<Input, Output>[] {
  interface Draft {
    readonly operation: Operation<Input, Output>;
    open: boolean;
  }
  const drafts = new Map<number, Draft | { readonly operation: undefined; open: false }>();
  for (const [position, event] of events.entries()) {
    const draft = drafts.get(event.id);
    if (event.type === 'invoke') {
      if (draft !== undefined) throw new HistoryError(`event ${position}: operation ${event.id} was invoked before`);
      const { client, key, input, time } = event;
      const operation: Operation<Input, Output> = {
        client,
        key,
        input,
        output: UNKNOWN,
        invokeAt: position,
        returnAt: Infinity,
        recorded: { invokeTime: time },
      };
      drafts.set(event.id, { operation, open: true });
      continue;
    }
    if (draft?.operation === undefined || !draft.open) {
      const problem = draft === undefined ? 'was never invoked' : 'already has an outcome';
      throw new HistoryError(`event ${position}: ${event.type} for operation ${event.id}, which ${problem}`);
    }
    if (event.type === 'fail') drafts.set(event.id, { operation: undefined, open: false });
    else if (event.type === 'unknown') draft.open = false;
    else {
      const { client, key, input, invokeAt, recorded: began } = draft.operation;
      const recorded = { invokeTime: began!.invokeTime, returnTime: event.time };
      const operation = { client, key, input, output: event.output, invokeAt, returnAt: position, recorded };
      drafts.set(event.id, { operation, open: false });
    }
  }
  return [...drafts.values()].flatMap(({ operation }) => (operation === undefined ? [] : [operation]));
}

/**
 * Writes a history down as it happens. A client may have several operations in flight. The recorder reads no clock:
 * every call is told the time, and only the order of the calls decides what came before what.
 */
export class HistoryRecorder<Input, Output> {
  private readonly recorded: HistoryEvent<Input, Output>[] = [];
  private nextId = 0;

  get events(): readonly HistoryEvent<Input, Output>[] {
    return this.recorded;
  }

  /** Returns the id under which the outcome is to be reported. */
  invoke(client: string | number, key: string, input: Input, time: number): number {
    const id = this.nextId;
    this.nextId += 1;
    this.recorded.push({ type: 'invoke', id, client, key, input, time });
    return id;
  }

  ok(id: number, output: Output, time: number): void {
    this.recorded.push({ type: 'ok', id, output, time });
  }

  /** The operation certainly had no effect and never will. */
  fail(id: number, time: number): void {
    this.recorded.push({ type: 'fail', id, time });
  }

  /** Nobody knows, or will ever be told, whether the operation took effect. */
  unknown(id: number, time: number): void {
    this.recorded.push({ type: 'unknown', id, time });
  }

  /** The operations so far; one still in flight counts as unknown. Throws `HistoryError` on an impossible sequence. */
  operations(): Operation<Input, Output>[] {
    return operationsFromEvents(this.recorded);
  }
}
