import type { Engine, MembershipChange, NodeId } from '../../consensus/contract.ts';
import type { GorumsEngine } from '../../consensus/gorums/engine.ts';
import type { AppendEntries, GorumsMessage } from '../../consensus/gorums/messages.ts';
import { appendAnswer } from '../../consensus/gorums/quorum.ts';
import { DelegatingEngine } from '../delegates.ts';

/**
 * Mistakes that no wrapper can make from the outside: they reach into the gorums engine. `Inside` says what they
 * count on finding there; a mutant that finds something else fails its test.
 */
interface Inside {
  vote: NodeId;
  leader: InsideLeader | undefined;
  truncate(from: number): void;
  takeEntries(request: AppendEntries): boolean;
}

interface InsideLeader {
  change: unknown;
  rounds: { readonly matched: Map<NodeId, number> }[];
  countRounds(): void;
}

function inside(engine: Engine<unknown>): Inside {
  return engine as unknown as Inside;
}

/** Gives its vote to whoever asks, however often it gave it away in this term. */
export class VotesTwice extends DelegatingEngine<unknown> {
  override receive(from: NodeId, message: unknown): void {
    if ((message as GorumsMessage).type === 'RequestVote') inside(this.inner).vote = 0;
    this.inner.receive(from, message);
  }
}

/** Starts a membership change although one is in flight. */
export class ChangesTwiceAtOnce extends DelegatingEngine<unknown> {
  override reconfigure(change: MembershipChange, token: number): void {
    const { leader } = inside(this.inner);
    if (leader !== undefined) leader.change = undefined;
    const { configurations } = this.inner as unknown as GorumsEngine;
    Object.defineProperty(configurations, 'latestIndex', { get: () => 0, configurable: true });
    this.inner.reconfigure(change, token);
    Reflect.deleteProperty(configurations, 'latestIndex');
  }
}

/** As follower, throws away what it has after the entry before the request's, matching or not. */
export function truncatesMatchingSuffix(engine: Engine<unknown>): Engine<unknown> {
  const gorums = inside(engine);
  const takeEntries = gorums.takeEntries.bind(gorums);
  gorums.takeEntries = (request) => {
    const { log } = engine as unknown as GorumsEngine;
    const { prevLogIndex, prevLogTerm, entries } = request;
    const matches = prevLogIndex >= log.firstIndex - 1 && log.term(prevLogIndex) === prevLogTerm;
    if (matches && entries.length > 0 && prevLogIndex < log.lastIndex) gorums.truncate(prevLogIndex + 1);
    return takeEntries(request);
  };
  return engine;
}

/** As leader, commits whatever a majority holds, of whatever term. */
export class CommitsEarlierTerms extends DelegatingEngine<unknown> {
  override receive(from: NodeId, message: unknown): void {
    const { leader } = inside(this.inner);
    if (leader !== undefined) this.#spoil(leader);
    this.inner.receive(from, message);
  }

  #spoil(leader: InsideLeader): void {
    if (Object.hasOwn(leader, 'countRounds')) return;
    const engine = this.inner as unknown as GorumsEngine;
    const countRounds = leader.countRounds.bind(leader);
    leader.countRounds = () => {
      for (const round of leader.rounds) {
        round.matched.set(engine.id, engine.durableIndex);
        const answer = appendAnswer(engine.configurations.latest, round.matched);
        if (answer !== undefined) engine.commitTo(answer);
      }
      countRounds();
    };
  }
}
