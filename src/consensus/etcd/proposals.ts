import { type NodeId, type ProposalBatch, RejectReason } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import type { EngineAround } from './leadership.ts';
import { QUEUED_COMMANDS_MAX } from './limits.ts';
import { ProposalQueue } from './proposalQueue.ts';

/** Clients' commands on their way into a leader's log: at once, or without batching one for each write. */
export class ClientProposals {
  private readonly engine: EngineAround;
  private readonly queue = new ProposalQueue();

  constructor(engine: EngineAround) {
    this.engine = engine;
  }

  get areQueued(): boolean {
    return this.queue.size > 0;
  }

  add(batch: ProposalBatch): void {
    const { token, commands } = batch;
    if (this.engine.settings.batch) this.append(token, 0, commands);
    else if (this.queue.size + commands.length <= QUEUED_COMMANDS_MAX) this.queue.add(batch);
    else this.overloaded(token, 0, commands.length);
  }

  /** Without batching: the next command goes to disk when the one before it is there. */
  appendQueued(): void {
    const next = this.queue.peek();
    if (next === undefined || this.engine.node.state.log.unstable.entries.length > 0) return;
    this.queue.shift();
    this.append(next.token, next.offset, [next.command]);
  }

  /** What is not in the log is certainly not done here. */
  refuse(leader: NodeId): void {
    for (const { token, offset, count } of this.queue.takeAll()) {
      this.engine.out.reject(token, offset, count, RejectReason.NotLeader, leader);
    }
  }

  /** All of the commands take their places in the log, or none. */
  private append(token: number, offset: number, commands: readonly Uint8Array[]): void {
    if (commands.length === 0) return;
    const { node, out } = this.engine;
    const { log, term } = node.state;
    const firstIndex = log.lastIndex + 1;
    const entries = commands.map((command, i) => new Entry(firstIndex + i, term, EntryType.Normal, command));
    const count = commands.length;
    if (node.propose(entries) !== undefined) this.overloaded(token, offset, count);
    else out.accepted.push({ token, offset, count, firstIndex, term });
  }

  private overloaded(token: number, offset: number, count: number): void {
    this.engine.out.reject(token, offset, count, RejectReason.Overloaded, this.engine.id);
  }
}
