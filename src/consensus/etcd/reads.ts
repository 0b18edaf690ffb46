import { type NodeId, RejectReason } from '../contract.ts';
import type { OutputBuffer } from '../parts/outputBuffer.ts';
import type { LeaderState } from './leaderState.ts';
import { Message, MessageType } from './messages.ts';
import { ReadMode } from './options.ts';
import type { ReadState } from './readQueue.ts';
import { broadcastHeartbeat } from './replication.ts';
import type { RaftState } from './state.ts';

/** Linearizable reads without an entry in the log: ReadIndex (thesis §6.4). */

/** A read is asked for, here or by a follower. */
export function receiveRead(state: RaftState, leader: LeaderState, message: Message): void {
  const origin = message.from;
  const read = { index: 0, context: message.readContext, origin };
  if (state.log.term(state.log.committed) !== state.term) leader.earlyReads.push(read);
  else proveRead(state, leader, read);
}

/** The first entry of this term is committed, or a further one. */
export function releaseEarlyReads(state: RaftState, leader: LeaderState): void {
  for (const read of leader.earlyReads) proveRead(state, leader, read);
  leader.earlyReads.length = 0;
}

/** The read may see everything committed by now, once it is certain that no other server leads (thesis §6.4). */
function proveRead(state: RaftState, leader: LeaderState, { context, origin }: ReadState): void {
  const read = { index: state.log.committed, context, origin };
  const { voters, outgoing } = state.configuration;
  const alone = voters.length === 1 && voters[0] === state.id && outgoing.length === 0;
  if (alone || state.options.readMode === ReadMode.LeaseBased) {
    answerRead(state, read);
    return;
  }
  leader.reads.add(read);
  broadcastHeartbeat(state, leader.reads.newestWaiting);
}

function answerRead(state: RaftState, read: ReadState): void {
  if (read.origin === 0) {
    state.readStates.push(read);
    return;
  }
  const answer = new Message(MessageType.ReadIndexResp, read.origin);
  answer.index = read.index;
  answer.readContext = read.context;
  state.send(answer);
}

/** Answers the reads that a quorum has confirmed: more may have, or fewer may be asked for. */
export function answerProvenReads(state: RaftState, leader: LeaderState): void {
  const { voters, outgoing } = state.configuration;
  for (const read of leader.reads.takeProven(state.id, voters, outgoing)) answerRead(state, read);
}

/** Clients' reads: those of one turn are asked for under one name, and share what proves them. */
export class ClientReads {
  private readonly out: OutputBuffer<Message>;
  /** Tokens of this turn. */
  private fresh: number[] = [];
  /** Tokens by the name under which they were asked for. */
  private readonly asked = new Map<number, readonly number[]>();
  private lastName = 0;

  constructor(out: OutputBuffer<Message>) {
    this.out = out;
  }

  add(token: number): void {
    this.fresh.push(token);
  }

  get areNew(): boolean {
    return this.fresh.length > 0;
  }

  /** This turn's reads need no proof: they see what is committed up to `index`. */
  answerNew(index: number): void {
    for (const token of this.fresh) this.out.reads.push({ token, ok: true, index });
    this.fresh = [];
  }

  /** The name under which this turn's reads are to be asked for; 0 where there are none. */
  takeNew(): number {
    if (this.fresh.length === 0) return 0;
    this.asked.set(++this.lastName, this.fresh);
    this.fresh = [];
    return this.lastName;
  }

  answer(states: readonly ReadState[]): void {
    for (const { context, index } of states) {
      for (const token of this.asked.get(context) ?? []) this.out.reads.push({ token, ok: true, index });
      this.asked.delete(context);
    }
  }

  /** None of them is answered here any more. */
  refuse(leader: NodeId): void {
    for (const tokens of [...this.asked.values(), this.fresh]) {
      for (const token of tokens) this.out.readFailed(token, RejectReason.NotLeader, leader);
    }
    this.asked.clear();
    this.fresh = [];
  }
}
