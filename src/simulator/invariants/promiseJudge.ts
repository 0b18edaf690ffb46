import {
  ChangeType,
  type Configuration,
  type EngineStatus,
  type MembershipChange,
  type NodeId,
  Role,
} from '../../consensus/contract.ts';
import type { Promised } from '../../consensus/engineEntry.ts';
import { type Invariant, InvariantViolation } from '../violation.ts';
import type { CommittedLog } from './committedLog.ts';
import type { ServerRecord } from './serverRecord.ts';

/** What an operator asked a server for, and what was so already, or became so since. */
export type OperatorRequest =
  | { readonly kind: 'change'; readonly change: MembershipChange; readonly wasSo: boolean; becameSo: boolean }
  | { readonly kind: 'transfer'; readonly to: NodeId; readonly term: number };

/** Judges what servers promise at the moment at which they do: whether they break it later may be a matter of luck. */
export class PromiseJudge {
  private readonly server: (id: NodeId) => ServerRecord;
  private readonly committed: CommittedLog;
  /** Changes are in force from when they are applied. */
  private readonly changesWhenCommitted: boolean;

  constructor(server: (id: NodeId) => ServerRecord, committed: CommittedLog, changesWhenCommitted: boolean) {
    this.server = server;
    this.committed = committed;
    this.changesWhenCommitted = changesWhenCommitted;
  }

  /** A message leaves server `id`. */
  promises(id: NodeId, to: NodeId, promised: Promised): void {
    const record = this.server(id);
    if (promised.kind === 'vote') this.checkVote(record, to, promised.term);
    else this.checkMatch(record, this.server(to), promised.term, promised.index);
  }

  private checkVote(record: ServerRecord, to: NodeId, term: number): void {
    const { term: stored, vote } = record.durable.hardState;
    if (stored > term || (stored === term && vote === to)) return;
    fail('durable promise', record, `votes for ${to} in term ${term}; durable are term ${stored} and vote ${vote}`);
  }

  private checkMatch(record: ServerRecord, leader: ServerRecord, term: number, index: number): void {
    const { log } = record.durable;
    // What it acknowledges was durable, and a later leader replaced it before the acknowledgement left: that one was elected by who
    // had it in their logs, so no harm comes of it.
    if (log.lastTerm > term) return;
    if (index > log.lastIndex) {
      fail('durable promise', record, `acknowledges entry ${index}; durable are entries up to ${log.lastIndex}`);
    }
    if (!leader.isLeader || leader.term !== term) return;
    const own = log.id(index);
    const theirs = leader.accepted.log.id(index);
    // What a snapshot covers is committed, which other rules compare.
    if (own === theirs || own === undefined || index < leader.accepted.log.baseIndex) return;
    fail(
      'durable promise',
      record,
      `acknowledges entry ${index} to server ${leader.id}, whose entry ${index} is another`,
    );
  }

  /** A message of server `from` is used by server `id`. */
  heard(id: NodeId, from: NodeId, promised: Promised, pastTerm = Number.POSITIVE_INFINITY): void {
    if (promised.term > pastTerm) this.heardPast(this.server(id), from, promised);
    if (promised.kind === 'match') this.server(id).heardMatch(from, promised.term, promised.index);
  }

  /** Of a process in whose place another one was admitted, in a term in which that one may promise something else. */
  private heardPast(record: ServerRecord, from: NodeId, { kind, term }: Promised): void {
    if (kind === 'vote') record.pastVote = { term, from };
    else if (record.isLeader && record.term === term) {
      fail(
        'whole memory',
        record,
        `as leader of term ${term} it hears an earlier process of server ${from} acknowledge`,
      );
    }
  }

  /** Whoever can win in such a term knows that another process was admitted, and counts the vote of that one only. */
  checkVoters(record: ServerRecord): void {
    const { pastVote, term } = record;
    if (pastVote?.term !== term) return;
    fail(
      'whole memory',
      record,
      `is elected in term ${term}, and heard the vote of an earlier process of server ${pastVote.from}`,
    );
  }

  /** A leader counts for each follower what that one acknowledged to it in this term, and for itself what is on its disk. */
  checkCount(record: ServerRecord, { term, commitIndex, configuration }: EngineStatus): void {
    const holds = (voter: NodeId) => {
      if (voter === record.id) return record.durable.log.lastIndex >= commitIndex;
      return record.matchOf(voter, term) >= commitIndex;
    };
    const isMajority = (ids: readonly NodeId[]) => 2 * ids.filter(holds).length > ids.length || ids.length === 0;
    const suffices = ({ voters, outgoing }: Configuration) => isMajority(voters) && isMajority(outgoing);
    // The configuration may have changed in the turn, so either will do.
    if (suffices(configuration) || (record.configuration !== undefined && suffices(record.configuration))) {
      record.countedIndex = commitIndex;
      return;
    }
    // A removal may be committed by those whom it leaves, who are the configuration once it is applied: judged then.
    const open = record.accepted.log.configurationsAfter(record.delivered).next();
    if (this.changesWhenCommitted && !open.done && open.value.index <= commitIndex) return;
    const counted = configuration.voters.map((voter) => `${voter}: ${record.matchOf(voter, term)}`).join(', ');
    fail(
      'own count',
      record,
      `commits entry ${commitIndex} in term ${term}, which it heard acknowledged so: ${counted}`,
    );
  }

  /** A read that was asked for when `known` entries were known to be committed is answered by the state of `index`. */
  readDone(id: NodeId, index: number, known: number): void {
    if (index >= known) return;
    fail('fresh reads', this.server(id), `answers a read from entry ${index}, asked when ${known} were committed`);
  }

  /** A leader proposes a change once an entry of its own term is committed (Ongaro, raft-dev, 2015). */
  checkProposal(record: ServerRecord, index: number, { term, commitIndex }: EngineStatus): void {
    const { log } = record.accepted;
    const last = log.entry(commitIndex)?.term ?? (commitIndex === log.baseIndex ? log.baseTerm : undefined);
    if (last === term) return;
    fail(
      'change in own term',
      record,
      `proposes change ${index} in term ${term}; committed is entry ${commitIndex} of term ${last}`,
    );
  }

  /** Server `id` says that what an operator asked for is done; `leaders` are all so far, by term. */
  requestDone(
    id: NodeId,
    request: OperatorRequest,
    status: EngineStatus,
    leaders: ReadonlyMap<number, { readonly id: NodeId }>,
  ): void {
    const record = this.server(id);
    if (request.kind === 'transfer') {
      const { to, term } = request;
      const tookOver = [...leaders].some(([later, leader]) => later > term && (to === 0 || leader.id === to));
      if (to === id || tookOver) return;
      fail('done is done', record, `says that server ${to || 'of its choice'} took over after term ${term}`);
    }
    const { change, wasSo, becameSo } = request;
    const what = `says done: ${change.type} ${change.id}`;
    if (!becameSo) {
      fail('done is done', record, `${what}; voters ${status.configuration.voters.join()}`);
    }
    if (wasSo) return;
    // A later leader's change, behind what this server led to, may be on its way here.
    const open = [...record.accepted.log.configurationsAfter(this.committed.length)].find(
      (entry) => leaders.get(entry.term)?.id === id,
    );
    if (open !== undefined) fail('done is done', record, `${what}; change ${open.index} is not committed`);
  }
}

/** Whether a configuration is what the change asked for. */
export function isSo({ type, id }: MembershipChange, { voters, learners, outgoing }: Configuration): boolean {
  if (outgoing.length > 0) return false;
  if (type === ChangeType.AddVoter) return voters.includes(id);
  if (type === ChangeType.Remove) return !voters.includes(id) && !learners.includes(id);
  // A voter that is to be added as a learner stays what it is, in some engines.
  return learners.includes(id) || (type === ChangeType.AddLearner && voters.includes(id));
}

function fail(invariant: Invariant, record: ServerRecord, what: string): never {
  throw new InvariantViolation(invariant, `server ${record.id}: ${what}`);
}

/** Whether a status is that of a leader that was one before. */
export function leadsOn(record: ServerRecord, { role, term }: EngineStatus): boolean {
  return role === Role.Leader && record.role === Role.Leader && term === record.term;
}
