import type { Engine, MembershipChange, NodeId, Output, Refusal } from '../../consensus/contract.ts';
import type { AppendEntries } from '../../consensus/gorums/messages.ts';
import type { Rounds } from '../../consensus/gorums/rounds.ts';
import type { ServerState } from '../../consensus/gorums/state.ts';
import type { ChangePreparation } from '../../consensus/membership/changePreparation.ts';
import { longestLog } from '../../consensus/membership/leaderView.ts';
import type { TransferPreparation } from '../../consensus/membership/transferPreparation.ts';
import { DelegatingEngine } from '../delegates.ts';
import type { MessageTools } from './messageTools.ts';

/**
 * Mistakes that no wrapper can make from the outside: they reach into an engine. The interfaces here say what they count
 * on finding there; a mutant that finds something else fails its test.
 */
export interface Insides {
  forgetVote(engine: Engine<unknown>): void;
  /** Runs `action` in an engine that believes no membership change to be in flight. */
  withoutChangeInFlight(engine: Engine<unknown>, action: () => void): void;
  /** As leader, commit whatever a majority holds, of whatever term. */
  commitAnyTerm(engine: Engine<unknown>): void;
  /** As leader, go on when the own removal is committed. */
  neverLeave(engine: Engine<unknown>): void;
  /** Who still answers the engine, where it leads. */
  audience(engine: Engine<unknown>): object | undefined;
  /** The change, and the transfer, that the engine prepares where it leads. */
  preparations(engine: Engine<unknown>): InsidePreparations | undefined;
}

/** An engine with a mistake made inside it. */
class Insider extends DelegatingEngine<unknown> {
  protected readonly insides: Insides;

  constructor(inner: Engine<unknown>, insides: Insides) {
    super(inner);
    this.insides = insides;
  }
}

/** Gives its vote to whoever asks, however often it gave it away in this term. */
export class VotesTwice extends Insider {
  private readonly tools: MessageTools;

  constructor(inner: Engine<unknown>, insides: Insides, tools: MessageTools) {
    super(inner, insides);
    this.tools = tools;
  }

  override receive(from: NodeId, message: unknown): Refusal | undefined {
    if (this.tools.withEndlessLog(message) !== undefined) this.insides.forgetVote(this.inner);
    return this.inner.receive(from, message);
  }
}

/** Starts a membership change although one is in flight. */
export class ChangesTwiceAtOnce extends Insider {
  override reconfigure(change: MembershipChange, token: number): void {
    this.insides.withoutChangeInFlight(this.inner, () => this.inner.reconfigure(change, token));
  }
}

/** Changes its members without asking whether those who are to commit are there. */
export class ChangesBlindly extends Insider {
  override reconfigure(change: MembershipChange, token: number): void {
    this.inner.reconfigure(change, token);
    const preparing = this.insides.preparations(this.inner)?.preparing;
    if (preparing !== undefined) preparing.advance = () => ({ kind: 'ready' });
  }
}

/** Hands over to whoever held most when last heard of. */
export class TrustsMatchIndexes extends Insider {
  override transferLeadership(to: NodeId, token: number, unable?: readonly NodeId[]): void {
    this.inner.transferLeadership(to, token, unable);
    const choosing = this.insides.preparations(this.inner)?.choosing;
    if (choosing !== undefined) choosing.advance = (view) => ({ target: longestLog(view, choosing.candidates) });
  }
}

interface InsidePreparations {
  readonly preparing: ChangePreparation | undefined;
  readonly choosing: InsideTransfer | undefined;
}

interface InsideTransfer {
  readonly candidates: readonly NodeId[];
  advance: TransferPreparation['advance'];
}

/** As leader, commits earlier terms' entries by counting. */
export class CommitsEarlierTerms extends Insider {
  override receive(from: NodeId, message: unknown): Refusal | undefined {
    this.insides.commitAnyTerm(this.inner);
    return this.inner.receive(from, message);
  }
}

/** As leader, goes on when its own removal is committed. */
export class NeverLeaves extends Insider {
  override receive(from: NodeId, message: unknown): Refusal | undefined {
    this.insides.neverLeave(this.inner);
    return this.inner.receive(from, message);
  }
}

/** As leader, goes on with its heartbeats however long nobody answers. */
export class NeverFallsSilent extends Insider {
  override tick(nowMs: number): void {
    const audience = this.insides.audience(this.inner);
    if (audience !== undefined) Object.defineProperty(audience, 'isSilent', { get: () => false, configurable: true });
    this.inner.tick(nowMs);
  }
}

/** Runs `action` while `object[name]` is `value`, whatever it is computed from. */
function whileItIs(object: object, name: string, value: unknown, action: () => void): void {
  Object.defineProperty(object, name, { get: () => value, configurable: true });
  try {
    action();
  } finally {
    Reflect.deleteProperty(object, name);
  }
}

// --- gorums ---

interface InsideGorums {
  readonly state: ServerState;
  leader: InsideGorumsLeader | undefined;
  resign(): void;
  readonly follower: { takeEntries(request: AppendEntries): boolean };
}

interface InsideGorumsLeader {
  nameSuccessor(): void;
  readonly replication: { readonly rounds: Rounds };
  readonly audience: object;
  readonly preparations: InsidePreparations;
  countRounds(): void;
}

const inGorums = (engine: Engine<unknown>) => engine as unknown as InsideGorums;

const gorums: Insides = {
  forgetVote: (engine) => {
    inGorums(engine).state.vote = 0;
  },
  withoutChangeInFlight: (engine, action) => {
    const { state } = inGorums(engine);
    whileItIs(state.configurations, 'latestIndex', 0, action);
  },
  commitAnyTerm: (engine) => {
    const { leader, state } = inGorums(engine);
    if (leader === undefined || Object.hasOwn(leader, 'countRounds')) return;
    const countRounds = leader.countRounds.bind(leader);
    leader.countRounds = () => {
      const { configurations, id, writes } = state;
      state.commitTo(leader.replication.rounds.answer(configurations.latest, id, writes.durableIndex).index);
      countRounds();
    };
  },
  neverLeave: (engine) => {
    const inside = inGorums(engine);
    // A successor would end it at once.
    if (inside.leader !== undefined) inside.leader.nameSuccessor = () => {};
    if (Object.hasOwn(inside, 'resign')) return;
    const resign = inside.resign.bind(inside);
    const { configurations, id } = inside.state;
    inside.resign = () => {
      if (configurations.latest.voters.includes(id)) resign();
    };
  },
  audience: (engine) => inGorums(engine).leader?.audience,
  preparations: (engine) => inGorums(engine).leader?.preparations,
};

/** As follower, throws away what it has after the entry before the request's, matching or not. Gorums only. */
export function truncatesMatchingSuffix(engine: Engine<unknown>): Engine<unknown> {
  const { follower, state } = inGorums(engine);
  const takeEntries = follower.takeEntries.bind(follower);
  follower.takeEntries = (request) => {
    const { log } = state;
    const { prevLogIndex, prevLogTerm, entries } = request;
    const matches = prevLogIndex >= log.firstIndex - 1 && log.term(prevLogIndex) === prevLogTerm;
    if (matches && entries.length > 0 && prevLogIndex < log.lastIndex) state.truncateFrom(prevLogIndex + 1);
    return takeEntries(request);
  };
  return engine;
}

// --- etcd ---

interface InsideEtcd {
  readonly leadership: { retire(): void; readonly audience: object } | undefined;
  readonly requests: { readonly preparations: InsidePreparations };
  readonly node: {
    readonly state: {
      vote: NodeId;
      readonly leader: { pendingConfIndex: number; configuredAt: number } | undefined;
      readonly log: { readonly lastIndex: number; matches(index: number, term: number): boolean };
    };
  };
}

const aroundEtcd = (engine: Engine<unknown>) => engine as unknown as InsideEtcd;
const inEtcd = (engine: Engine<unknown>) => aroundEtcd(engine).node.state;

const etcd: Insides = {
  forgetVote: (engine) => {
    inEtcd(engine).vote = 0;
  },
  withoutChangeInFlight: (engine, action) => {
    const { leader } = inEtcd(engine);
    if (leader !== undefined) leader.pendingConfIndex = 0;
    whileItIs(aroundEtcd(engine).requests, 'isChangeInLog', false, action);
  },
  commitAnyTerm: (engine) => {
    const state = inEtcd(engine);
    if (Object.hasOwn(state.log, 'matches')) return;
    const matches = state.log.matches.bind(state.log);
    // A leader asks its log only this: whether what a majority holds is of its own term.
    state.log.matches = (index, term) =>
      state.leader === undefined ? matches(index, term) : index <= state.log.lastIndex;
  },
  neverLeave: (engine) => {
    const { leadership } = aroundEtcd(engine);
    if (leadership !== undefined) leadership.retire = () => {};
  },
  audience: (engine) => aroundEtcd(engine).leadership?.audience,
  preparations: (engine) => aroundEtcd(engine).requests.preparations,
};

/** As leader, believes at once that all know the present configuration. etcd only. */
export class TrustsConfigurationAtOnce extends DelegatingEngine<unknown> {
  override reconfigure(change: MembershipChange, token: number): void {
    this.trust();
    this.inner.reconfigure(change, token);
  }

  override drain(): Output<unknown> {
    this.trust();
    return this.inner.drain();
  }

  private trust(): void {
    const { leader } = inEtcd(this.inner);
    if (leader !== undefined) leader.configuredAt = 0;
  }
}

// --- hashicorp ---

interface InsideHashicorp {
  readonly state: { vote: NodeId; readonly configurations: object };
  readonly leader: InsideHashicorpLeader | undefined;
}

interface InsideHashicorpLeader {
  leave(): void;
  readonly tracker: { firstOfTerm: number };
  readonly audience: object;
  readonly preparations: InsidePreparations;
}

const inHashicorp = (engine: Engine<unknown>) => engine as unknown as InsideHashicorp;

const hashicorp: Insides = {
  forgetVote: (engine) => {
    inHashicorp(engine).state.vote = 0;
  },
  withoutChangeInFlight: (engine, action) => {
    whileItIs(inHashicorp(engine).state.configurations, 'latestIndex', 0, action);
  },
  commitAnyTerm: (engine) => {
    const { leader } = inHashicorp(engine);
    if (leader !== undefined) leader.tracker.firstOfTerm = 0;
  },
  neverLeave: (engine) => {
    const { leader } = inHashicorp(engine);
    if (leader !== undefined) leader.leave = () => {};
  },
  audience: (engine) => inHashicorp(engine).leader?.audience,
  preparations: (engine) => inHashicorp(engine).leader?.preparations,
};

export const INSIDES: Readonly<Record<string, Insides>> = { gorums, etcd, hashicorp };
