/** Joins the lines of a log in which a process has one operation in flight into recorder events. */
import { type HistoryEvent, type Operation, operationsFromEvents } from '../history.ts';
import { HistoryFormatError } from './formatError.ts';

interface Pending<Input> {
  readonly id: number;
  readonly input: Input;
  readonly line: number;
}

/** Events are timed by their line. Outcomes are matched to invocations by process, as Jepsen writes them. */
export class ProcessPairing<Input, Output> {
  private readonly source: string;
  private readonly events: HistoryEvent<Input, Output>[] = [];
  private readonly pending = new Map<string, Pending<Input>>();
  private nextId = 0;

  constructor(source: string) {
    this.source = source;
  }

  invoke(process: string, key: string, input: Input, line: number): void {
    const open = this.pending.get(process);
    if (open !== undefined) {
      const expected = `an outcome for what process ${process} invoked on line ${open.line}`;
      throw new HistoryFormatError(this.source, line, expected, 'another invocation by it');
    }
    const id = this.nextId;
    this.nextId += 1;
    this.pending.set(process, { id, input, line });
    this.events.push({ type: 'invoke', id, client: process, key, input, time: line });
  }

  /** The input that the outcome on this line belongs to. Throws `HistoryFormatError` if the process has none open. */
  pendingInput(process: string, line: number): Input {
    return this.pendingOf(process, line).input;
  }

  ok(process: string, output: Output, line: number): void {
    const { id } = this.pendingOf(process, line);
    this.pending.delete(process);
    this.events.push({ type: 'ok', id, output, time: line });
  }

  without(type: 'fail' | 'unknown', process: string, line: number): void {
    const { id } = this.pendingOf(process, line);
    this.pending.delete(process);
    this.events.push({ type, id, time: line });
  }

  operations(): Operation<Input, Output>[] {
    return operationsFromEvents(this.events);
  }

  private pendingOf(process: string, line: number): Pending<Input> {
    const pending = this.pending.get(process);
    if (pending === undefined) {
      throw new HistoryFormatError(this.source, line, `an invocation by process ${process} before this`, 'none');
    }
    return pending;
  }
}
