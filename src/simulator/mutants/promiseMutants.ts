import {
  ChangeType,
  type Engine,
  type LogReader,
  type MembershipChange,
  type Output,
  type PersistBatch,
} from '../../consensus/contract.ts';
import { DelegatingEngine } from '../delegates.ts';

/** Does not write a vote in a term that is stored already. */
export class WritesTermsOnly extends DelegatingEngine<unknown> {
  private term = 0;

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const { persist } = output;
    if (persist?.hardState === undefined) return output;
    const isNews = persist.hardState.term !== this.term;
    this.term = persist.hardState.term;
    return isNews ? output : { ...output, persist: { ...persist, hardState: undefined } satisfies PersistBatch };
  }
}

/** Acknowledges all that it has, whatever it was sent. */
export class AcknowledgesItsWholeLog extends DelegatingEngine<unknown> {
  private readonly log: LogReader;
  private readonly acknowledging: (message: unknown, index: number) => unknown;

  constructor(inner: Engine<unknown>, log: LogReader, acknowledging: (message: unknown, index: number) => unknown) {
    super(inner);
    this.log = log;
    this.acknowledging = acknowledging;
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const { lastIndex } = this.log;
    const messagesAfterPersist = output.messagesAfterPersist.map(({ to, message }) => ({
      to,
      message: this.acknowledging(message, lastIndex) ?? message,
    }));
    return { ...output, messagesAfterPersist };
  }
}

/** Answers reads from the entry before the one that it should. */
export class ReadsOneEntryEarly extends DelegatingEngine<unknown> {
  override drain(): Output<unknown> {
    const output = this.inner.drain();
    if (output.reads.length === 0) return output;
    const reads = output.reads.map((read) => (read.ok ? { ...read, index: Math.max(0, read.index - 1) } : read));
    return { ...output, reads };
  }
}

/** Tells the operator that a change is done as soon as it was asked for. */
export class SaysDoneAtOnce extends DelegatingEngine<unknown> {
  private readonly said = new Set<number>();
  private tokens: number[] = [];

  override reconfigure(change: MembershipChange, token: number): void {
    this.inner.reconfigure(change, token);
    if (change.type !== ChangeType.AddVoter || this.inner.status().role !== 'leader') return;
    this.tokens.push(token);
    this.said.add(token);
  }

  override drain(): Output<unknown> {
    const output = this.inner.drain();
    const requests = output.requests.filter(({ token }) => !this.said.has(token));
    for (const token of this.tokens) requests.push({ token, ok: true });
    this.tokens = [];
    return { ...output, requests };
  }
}
