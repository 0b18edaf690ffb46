import type { AcceptedProposals, ProposalBatch } from '../../consensus/contract.ts';
import type { CommandSink } from './outcomes.ts';

/** Where the time of a command goes, on its way through the server that leads. */
export const STAGES = [
  /** From its arrival until it stands in the log: what gathered goes together. */
  'wait',
  /** From the log until it is committed: the servers' disks and the network, side by side. */
  'quorum',
  /** From being committed until it is applied. */
  'apply',
  /** From being applied until the connection has the answer. */
  'answer',
  /** All of these together. */
  'write',
  /** Of a lookup, from its arrival until the connection has the answer. */
  'read',
  /** Of entries, on every server, from the log until they are durable there. */
  'disk',
] as const;

export type Stage = (typeof STAGES)[number];

export interface StageEnvironment {
  /** Monotonic, µs. */
  nowUs(): number;
  /** Runs `run` once the answers of this turn are written. */
  soon(run: () => void): void;
  took(stage: Stage, us: number): void;
  /** So many entries became durable with one sync. */
  synced(entries: number): void;
}

/** Between two commands that are followed: what one costs, some 10 µs, is a hundredth of this. */
export const FOLLOW_INTERVAL_US = 1000;

/**
 * Follows one command at a time through its stages, so that the others cost nothing. Off it says nothing, and what it stands
 * beside costs a look at a flag. Synchronous, and without a clock of its own.
 */
export class StageWatch {
  /** What is followed when this turns false goes on to its end. */
  isOn = false;
  private readonly environment: StageEnvironment;
  private followed: Followed | undefined;
  private nextUs = 0;
  /** Entries by the mark of their write, until that is durable. */
  private writes: { readonly mark: number; readonly entries: number; readonly atUs: number }[] = [];

  constructor(environment: StageEnvironment) {
    this.environment = environment;
  }

  /** A command or lookup came. Returns the sink that it is to be answered to. */
  arrived(sink: CommandSink, command?: Uint8Array): CommandSink {
    if (!this.isOn || this.followed !== undefined) return sink;
    const nowUs = this.environment.nowUs();
    if (nowUs < this.nextUs) return sink;
    this.nextUs = nowUs + FOLLOW_INTERVAL_US;
    const followed = new Followed(sink, command, nowUs, this.environment, () => {
      this.followed = undefined;
    });
    this.followed = followed;
    return followed;
  }

  offered(batch: ProposalBatch): void {
    this.followed?.offered(batch);
  }

  accepted(accepted: AcceptedProposals): void {
    this.followed?.accepted(accepted);
  }

  /** Everything up to this index is committed, as far as this server knows. */
  committed(index: number): void {
    this.followed?.committed(index);
  }

  writing(mark: number, entries: number): void {
    if (this.isOn && entries > 0) this.writes.push({ mark, entries, atUs: this.environment.nowUs() });
  }

  /** Everything up to this mark is durable here. */
  durable(mark: number): void {
    if (this.writes.length === 0) return;
    let done = 0;
    let entries = 0;
    for (const write of this.writes) {
      if (write.mark > mark) break;
      entries += write.entries;
      done++;
    }
    if (done === 0) return;
    this.environment.took('disk', this.environment.nowUs() - this.writes[0]!.atUs);
    this.environment.synced(entries);
    this.writes.splice(0, done);
  }
}

/** The one that is followed: it stands between the command and whom it is answered to. */
class Followed implements CommandSink {
  private readonly sink: CommandSink;
  private readonly command: Uint8Array | undefined;
  private readonly environment: StageEnvironment;
  private readonly over: () => void;
  private readonly arrivedUs: number;
  private token: number | undefined;
  private position = 0;
  private index: number | undefined;
  private inLogUs = 0;
  private committedUs: number | undefined;

  constructor(
    sink: CommandSink,
    command: Uint8Array | undefined,
    arrivedUs: number,
    environment: StageEnvironment,
    over: () => void,
  ) {
    this.sink = sink;
    this.command = command;
    this.arrivedUs = arrivedUs;
    this.environment = environment;
    this.over = over;
  }

  offered({ token, commands }: ProposalBatch): void {
    if (this.command === undefined || this.token !== undefined) return;
    const position = commands.indexOf(this.command);
    if (position === -1) return;
    this.token = token;
    this.position = position;
  }

  accepted({ token, offset, count, firstIndex }: AcceptedProposals): void {
    if (token !== this.token || this.position < offset || this.position >= offset + count) return;
    this.index = firstIndex + this.position - offset;
    this.inLogUs = this.environment.nowUs();
  }

  committed(index: number): void {
    if (this.index === undefined || this.committedUs !== undefined || index < this.index) return;
    this.committedUs = this.environment.nowUs();
  }

  commandDone(tag: number, outcome: Parameters<CommandSink['commandDone']>[1]): void {
    const { committedUs } = this;
    const appliedUs = this.environment.nowUs();
    this.over();
    this.sink.commandDone(tag, outcome);
    if (outcome.status !== 'ok' || committedUs === undefined) return;
    this.environment.soon(() => {
      const { environment, arrivedUs, inLogUs } = this;
      const answeredUs = environment.nowUs();
      environment.took('wait', inLogUs - arrivedUs);
      environment.took('quorum', committedUs - inLogUs);
      environment.took('apply', appliedUs - committedUs);
      environment.took('answer', answeredUs - appliedUs);
      environment.took('write', answeredUs - arrivedUs);
    });
  }

  lookupDone(tag: number, outcome: Parameters<CommandSink['lookupDone']>[1]): void {
    this.over();
    this.sink.lookupDone(tag, outcome);
    if (outcome.status !== 'ok') return;
    const { environment, arrivedUs } = this;
    environment.soon(() => environment.took('read', environment.nowUs() - arrivedUs));
  }
}
