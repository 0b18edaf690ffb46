import { type NodeId, type ProposalBatch, RejectReason } from '../contract.ts';
import { Entry, EntryType } from '../entry.ts';
import { CommandQueue } from '../parts/commandQueue.ts';
import type { EngineAround } from './leadership.ts';

/** Clients' commands on their way into a leader's log: at once, or without batching one for each write. */
export class ClientProposals {
  private readonly engine: EngineAround;
  private readonly queue: CommandQueue;

  constructor(engine: EngineAround) {
    this.engine = engine;
    this.queue = new CommandQueue(engine.out);
  }

  get areQueued(): boolean {
    return !this.queue.isEmpty;
  }

  add(batch: ProposalBatch): void {
    if (this.engine.settings.batch) this.append(batch, 0, batch.commands);
    else this.queue.push(batch, this.engine.nowMs);
  }

  /** Without batching: the next command goes to disk when the one before it is there. */
  appendQueued(): void {
    if (this.engine.node.state.log.unstable.entries.length > 0) return;
    const { batch, offset } = this.queue.take();
    this.append(batch, offset, [batch.commands[offset]!]);
  }

  /** What is not in the log is certainly not done here. */
  refuse(leader: NodeId): void {
    this.queue.abandon(RejectReason.NotLeader, leader);
  }

  /** All of the commands take their places in the log, or none while leadership is handed over. */
  private append(batch: ProposalBatch, offset: number, commands: readonly Uint8Array[]): void {
    if (commands.length === 0) return;
    const { token, type = EntryType.Normal } = batch;
    const { id, node, out } = this.engine;
    const { log, term } = node.state;
    const firstIndex = log.lastIndex + 1;
    const entries = commands.map((command, i) => new Entry(firstIndex + i, term, type, command));
    const count = commands.length;
    if (node.propose(entries) === undefined) out.accepted.push({ token, offset, count, firstIndex, term });
    else out.reject(token, offset, count, RejectReason.Transferring, id);
  }
}
