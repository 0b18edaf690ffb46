import {
  type Configuration,
  type EngineStatus,
  type HardState,
  type NodeId,
  type PersistBatch,
  Role,
  type Snapshot,
  type SnapshotPlace,
} from '../../consensus/contract.ts';
import type { Promised } from '../../consensus/engineEntry.ts';
import type { Entry } from '../../consensus/entry.ts';
import { contentBytes } from '../../consensus/snapshotContent.ts';
import type { ApplyResult } from '../../server/host/stateMachine.ts';
import { KeyValueStore } from '../../server/stateMachine/keyValueStore.ts';
import type { LogStore } from '../../server/storage/contract.ts';
import { type Invariant, InvariantViolation } from '../violation.ts';
import { CommittedLog } from './committedLog.ts';
import { entryId, type MirroredEntry, mirrored } from './logMirror.ts';
import { leadsOn, type OperatorRequest, PromiseJudge } from './promiseJudge.ts';
import { findRecovered } from './recovery.ts';
import { type PendingBatch, ServerRecord, StoredState } from './serverRecord.ts';

/** Everything a turn of an engine hands over that the rules speak of. */
export interface Turn {
  readonly persist: PersistBatch | undefined;
  readonly restore: Snapshot | undefined;
  readonly committed: readonly Entry[];
  readonly status: EngineStatus;
}

/**
 * Watches every server at every step and throws InvariantViolation at the first one that breaks a rule. It knows
 * nothing of any engine: only what engines hand to their hosts, what disks hold, and what was acknowledged.
 */
export class Judge {
  readonly committed = new CommittedLog();
  /** Elections won. */
  leaderships = 0;
  /** By id. */
  private readonly servers: (ServerRecord | undefined)[] = [undefined];
  /** Who led a term, and in which of its lives. */
  private readonly leaders = new Map<number, { readonly id: NodeId; readonly incarnation: number }>();
  /** Raft's Log Matching as a table: what id the entry of a (term, index) has. */
  private readonly idsByPosition = new Map<number, number>();
  /** The configuration in every snapshot of an index. */
  private readonly configurations = new Map<number, string>();
  /** The data of a snapshot of each index that said what it should: the same bytes say it again. */
  private readonly snapshots = new Map<number, Uint8Array>();

  private readonly changesWhenCommitted: boolean;
  private readonly promiseJudge: PromiseJudge;

  /** Servers that have been away for so long that nothing of what they said is on its way any more. */
  readonly gone = new Set<NodeId>();

  constructor(changesWhenCommitted: boolean) {
    this.changesWhenCommitted = changesWhenCommitted;
    this.promiseJudge = new PromiseJudge((id) => this.server(id), this.committed, changesWhenCommitted);
  }

  server(id: NodeId): ServerRecord {
    return this.servers[id] ?? this.meet(id);
  }

  private meet(id: NodeId): ServerRecord {
    for (let next = this.servers.length; next <= id; next++) this.servers.push(new ServerRecord(next));
    return this.servers[id]!;
  }

  private get all(): ServerRecord[] {
    return this.servers.filter((record) => record !== undefined);
  }

  /** Whether a membership change stands in the log of server `id` that is not known to be committed. */
  hasOpenChange(id: NodeId): boolean {
    return !this.server(id).accepted.log.configurationsAfter(this.committed.length).next().done;
  }

  // --- lives and disks ---

  /** A server starts from `store`, which must hold everything that was durable, and nothing that was never written. */
  started(id: NodeId, store: LogStore): void {
    const record = this.server(id);
    record.incarnation++;
    findRecovered(record, store, this.committed);
    const snapshot = store.snapshot();
    if (snapshot !== undefined) this.checkSnapshot(record, snapshot, 'recovered');
    record.isRunning = true;
    record.role = Role.Follower;
    record.term = record.accepted.hardState.term;
    record.commitIndex = snapshot?.index ?? 0;
    record.delivered = record.commitIndex;
    record.applied = record.commitIndex;
    record.lastMark = 0;
    record.configuration = undefined;
  }

  stopped(id: NodeId): void {
    this.server(id).stopped();
  }

  /** The disk of a server that does not run is empty from now on. */
  lost(id: NodeId): void {
    this.server(id).lose();
  }

  /** A server begins with nothing: nobody counts on anything that it said before. */
  begunEmpty(id: NodeId): void {
    this.server(id).begunEmpty();
  }

  /** A server that had nothing begins with a snapshot that another one gave it; both are durable. */
  admitted(id: NodeId, snapshot: Snapshot, hardState: HardState): void {
    const record = this.server(id);
    this.checkSnapshot(record, snapshot, 'given');
    const state = new StoredState();
    state.log.restore(snapshot.index, snapshot.term, this.committed.id(snapshot.index)!);
    state.hardState = hardState;
    record.admitted(state);
  }

  durable(id: NodeId, mark: number): void {
    this.server(id).durableUpTo(mark);
  }

  // --- what engines say ---

  /** A drain of the engine of `id`. */
  turn(id: NodeId, { persist, restore, committed, status }: Turn): void {
    const record = this.server(id);
    const previous = record.configuration;
    if (persist !== undefined) this.persisted(record, persist, status);
    this.status(id, status);
    if (restore !== undefined) record.delivered = restore.index;
    if (committed.length > 0) this.committedBy(record, committed, status, previous);
    if (persist !== undefined && status.role === Role.Leader) this.checkOneChange(record, persist, status.term);
  }

  status(id: NodeId, status: EngineStatus): void {
    const record = this.server(id);
    if (status.term < record.term)
      this.fail('monotonic term and vote', record, `term ${record.term} became ${status.term}`);
    if (status.commitIndex < record.commitIndex) {
      this.fail('monotonic commit index', record, `commit index ${record.commitIndex} became ${status.commitIndex}`);
    }
    this.checkOwnTerm(record, status);
    if (!leadsOn(record, status)) record.countedIndex = status.commitIndex;
    else if (status.commitIndex > record.countedIndex) this.promiseJudge.checkCount(record, status);
    const isNew = status.role === Role.Leader && (record.role !== Role.Leader || record.term !== status.term);
    record.role = status.role;
    record.term = status.term;
    record.leader = status.leader;
    record.commitIndex = status.commitIndex;
    record.configuration = status.configuration;
    if (isNew) this.elected(record);
  }

  /** A leader moves its commit index only onto entries of its own term (Raft §5.4.2). */
  private checkOwnTerm(record: ServerRecord, { role, term, commitIndex }: EngineStatus): void {
    if (role !== Role.Leader || record.role !== Role.Leader || term !== record.term) return;
    if (commitIndex === record.commitIndex) return;
    const entry = record.accepted.log.entry(commitIndex);
    if (entry === undefined || entry.term === term) return;
    this.fail(
      'commit in own term',
      record,
      `as leader of term ${term} it commits entry ${commitIndex} of term ${entry.term}`,
    );
  }

  private elected(record: ServerRecord): void {
    this.leaderships++;
    const { term, id, incarnation } = record;
    const other = this.leaders.get(term);
    if (other !== undefined && (other.id !== id || other.incarnation !== incarnation)) {
      this.fail(
        'election safety',
        record,
        `leads term ${term}, which server ${other.id} led (life ${other.incarnation})`,
      );
    }
    this.leaders.set(term, { id, incarnation });
    this.promiseJudge.checkVoters(record);
    this.checkComplete(record, this.committed.lastBefore(term));
  }

  private checkComplete(leader: ServerRecord, index: number): void {
    if (leader.accepted.log.holds(index, this.committed.id(index)!)) return;
    this.fail('leader completeness', leader, `leads term ${leader.term} without the committed entry ${index}`);
  }

  // --- the log ---

  private persisted(record: ServerRecord, batch: PersistBatch, status: EngineStatus): void {
    if (batch.mark !== record.lastMark + 1) {
      this.fail('persist contract', record, `mark ${batch.mark} follows ${record.lastMark}`);
    }
    record.lastMark = batch.mark;
    if (!batch.mustSync && isPromised(batch, record.accepted.hardState)) {
      this.fail('persist contract', record, `of batch ${batch.mark} it says that it need not be synced`);
    }
    const { log } = record.accepted;
    const leads = record.role === Role.Leader && status.role === Role.Leader && record.term === status.term;
    if (leads && (batch.truncateFrom !== undefined || batch.snapshot !== undefined)) {
      this.fail('leader append-only', record, `as leader of term ${status.term} it removes entries of its log`);
    }
    if (batch.hardState !== undefined) this.checkHardState(record, batch.hardState);
    const snapshot = batch.snapshot === undefined ? undefined : this.installed(record, batch.snapshot);
    if (snapshot !== undefined) log.restore(snapshot.index, snapshot.term, snapshot.id);
    if (batch.truncateFrom !== undefined) this.truncated(record, batch.truncateFrom, batch.entries[0]);
    const entries: MirroredEntry[] = [];
    for (const entry of batch.entries) {
      if (entry.index !== log.lastIndex + 1) {
        this.fail('persist contract', record, `entry ${entry.index} is appended after entry ${log.lastIndex}`);
      }
      const mirror = mirrored(log.lastId, entry);
      this.checkMatching(record, mirror);
      const isProposal =
        !this.changesWhenCommitted &&
        status.role === Role.Leader &&
        entry.term === status.term &&
        mirror.isConfiguration;
      if (isProposal) this.promiseJudge.checkProposal(record, entry.index, status);
      log.push(mirror);
      entries.push(mirror);
    }
    if (batch.hardState !== undefined) record.accepted.hardState = batch.hardState;
    const { mark, truncateFrom, hardState } = batch;
    record.pending.push({ mark, snapshot, truncateFrom, entries, hardState } satisfies PendingBatch);
  }

  private checkHardState(record: ServerRecord, next: HardState): void {
    const { term, vote } = record.accepted.hardState;
    if (next.term < term) this.fail('monotonic term and vote', record, `stored term ${term} became ${next.term}`);
    if (next.term === term && vote !== 0 && next.vote !== vote) {
      this.fail('monotonic term and vote', record, `vote for ${vote} in term ${term} became one for ${next.vote}`);
    }
  }

  private installed(record: ServerRecord, snapshot: Snapshot): { index: number; term: number; id: number } {
    // What is in it is looked at once it is all there: where it is restored.
    this.checkPlace(record, snapshot, 'installed');
    return { index: snapshot.index, term: snapshot.term, id: this.committed.id(snapshot.index)! };
  }

  private truncated(record: ServerRecord, from: number, replacement: Entry | undefined): void {
    const { log } = record.accepted;
    const removed = log.entry(from);
    if (removed === undefined) {
      this.fail('persist contract', record, `truncates from ${from}, outside ${log.baseIndex + 1} to ${log.lastIndex}`);
    }
    if (from <= this.committed.length && removed.id === this.committed.id(from)) {
      this.fail('committed entries stay', record, `removes the committed entry ${from}`);
    }
    if (replacement === undefined || replacement.index !== from || replacement.term === removed.term) {
      this.fail('persist contract', record, `truncates from ${from}, where nothing is replaced by another entry`);
    }
    log.truncateFrom(from);
  }

  private checkMatching(record: ServerRecord, { index, term, id }: MirroredEntry): void {
    const position = term * POSITION_INDEXES + index;
    const known = this.idsByPosition.get(position);
    if (known === undefined) this.idsByPosition.set(position, id);
    else if (known !== id) {
      this.fail('log matching', record, `its log up to entry ${index} of term ${term} is not what another server had`);
    }
  }

  /** A leader appends a membership change only once the one before it is committed (thesis §4.1; Raft §6). */
  private checkOneChange(record: ServerRecord, batch: PersistBatch, term: number): void {
    let last: number | undefined;
    for (const { index, isConfiguration } of record.accepted.log.configurationsAfter(this.committed.length)) {
      if (!isConfiguration) continue;
      const isOwn = batch.entries.some((entry) => entry.index === index && entry.term === term);
      if (last !== undefined && isOwn) {
        this.fail('one membership change', record, `appends change ${index} while change ${last} is not committed`);
      }
      last = index;
    }
  }

  // --- commitment ---

  private committedBy(
    record: ServerRecord,
    entries: readonly Entry[],
    status: EngineStatus,
    previous: Configuration | undefined,
  ): void {
    const known = this.committed.length;
    const { log } = record.accepted;
    for (const entry of entries) {
      const { index } = entry;
      if (index !== record.delivered + 1) {
        this.fail('engine contract', record, `hands over committed entry ${index} after ${record.delivered}`);
      }
      record.delivered = index;
      const id = entryId(this.committed.id(index - 1)!, entry);
      if (index <= this.committed.length) {
        if (id !== this.committed.id(index)) {
          this.fail('state machine safety', record, `commits another entry ${index} than was committed before`);
        }
        continue;
      }
      if (!log.holds(index, id))
        this.fail('engine contract', record, `commits entry ${index}, which its log does not hold`);
      this.committed.append(entry, id, status.term);
    }
    if (this.committed.length === known) return;
    this.checkDurableQuorum(record, status, previous);
    for (const other of this.all) {
      if (other.isLeader && other.term > status.term) this.checkComplete(other, this.committed.length);
    }
  }

  /** The configuration may have changed in the turn, so either will do. */
  private checkDurableQuorum(record: ServerRecord, status: EngineStatus, previous: Configuration | undefined): void {
    const index = this.committed.length;
    const id = this.committed.id(index)!;
    if (this.isDurable(status.configuration, index, id)) return;
    if (previous !== undefined && this.isDurable(previous, index, id)) return;
    const holders = this.all.filter(({ durable }) => durable.log.holds(index, id)).map((each) => each.id);
    const { voters, outgoing } = status.configuration;
    this.fail(
      'durable quorum',
      record,
      `commits entry ${index}, durable on servers ${holders.join(', ') || 'none'}; voters are ${voters.join(', ')}${outgoing.length > 0 ? ` and ${outgoing.join(', ')}` : ''}`,
    );
  }

  private isDurable({ voters, outgoing }: Configuration, index: number, id: number): boolean {
    const isMajority = (ids: readonly NodeId[]) => {
      let holders = 0;
      for (const voter of ids) if (this.server(voter).mayHaveAcknowledged(index, id)) holders++;
      return holders > ids.length / 2;
    };
    return isMajority(voters) && (outgoing.length === 0 || isMajority(outgoing));
  }

  // --- state machines ---

  /** The state machine of `id` is handed an entry. */
  applying(id: NodeId, entry: Entry): void {
    const record = this.server(id);
    if (entry.index <= record.applied) this.fail('exactly once', record, `applies entry ${entry.index} again`);
    if (entry.index > this.committed.length) {
      this.fail('state machine safety', record, `applies entry ${entry.index}, which is not committed`);
    }
  }

  /** What is certain to be refused is refused before it enters a log: the committed one holds nothing of it. */
  appliedAs(id: NodeId, { index }: Entry, result: ApplyResult): void {
    if (result.status !== 'invalid' && result.status !== 'unknown-session') return;
    this.fail('refused before the log', this.server(id), `entry ${index} is refused by all: ${result.detail}`);
  }

  applied(id: NodeId, entry: Entry, stateMachine: KeyValueStore): void {
    const record = this.server(id);
    const { index } = entry;
    if (index !== record.applied + 1)
      this.fail('exactly once', record, `applies entry ${index} after ${record.applied}`);
    record.applied = index;
    if (entryId(this.committed.id(index - 1) ?? -1, entry) !== this.committed.id(index)) {
      this.fail('state machine safety', record, `applies an entry ${index} that is not the committed one`);
    }
    const { key, valueAfter, isDuplicate } = this.committed.effect(index);
    if (key === undefined || stateMachine.get(key) === valueAfter) return;
    this.fail(
      isDuplicate ? 'exactly once' : 'state machine safety',
      record,
      `after entry ${index} key ${key} is ${stateMachine.get(key)}, expected ${valueAfter}`,
    );
  }

  snapshotTaken(id: NodeId, snapshot: Snapshot): void {
    const record = this.server(id);
    if (snapshot.index > record.applied) {
      this.fail(
        'state machine safety',
        record,
        `takes a snapshot at ${snapshot.index}, applied up to ${record.applied}`,
      );
    }
    this.checkSnapshot(record, snapshot, 'taken');
  }

  restored(id: NodeId, snapshot: Snapshot, stateMachine: KeyValueStore): void {
    const record = this.server(id);
    if (snapshot.index <= record.applied) {
      this.fail('state machine safety', record, `goes back from ${record.applied} to a snapshot at ${snapshot.index}`);
    }
    record.applied = snapshot.index;
    this.checkSnapshot(record, snapshot, 'installed');
    this.checkContent(record, stateMachine, snapshot.index, 'restored snapshot');
  }

  /** The snapshot says what the committed log says of its index. */
  private checkSnapshot(record: ServerRecord, snapshot: Snapshot, how: string): void {
    this.checkPlace(record, snapshot, how);
    const { index } = snapshot;
    const data = contentBytes(snapshot.content);
    const right = this.snapshots.get(index);
    if (right !== undefined && Buffer.compare(right, data) === 0) return;
    const stateMachine = new KeyValueStore();
    stateMachine.restore(data);
    this.checkContent(record, stateMachine, index, `${how} snapshot`);
    this.snapshots.set(index, data.slice());
  }

  /** So it does of its term and its members. */
  private checkPlace(record: ServerRecord, { index, term, configuration }: SnapshotPlace, how: string): void {
    if (index > this.committed.length || this.committed.term(index) !== term) {
      this.fail('state machine safety', record, `${how} snapshot at ${index} of term ${term} was never committed`);
    }
    const text = JSON.stringify(configuration);
    const known = this.configurations.get(index);
    if (known === undefined) this.configurations.set(index, text);
    else if (known !== text) {
      this.fail('state machine safety', record, `${how} snapshot at ${index} has members ${text}, elsewhere ${known}`);
    }
  }

  private checkContent(record: ServerRecord, stateMachine: KeyValueStore, index: number, what: string): void {
    let keyCount = 0;
    for (const key of this.committed.keys) {
      const expected = this.committed.valueAt(key, index);
      if (expected !== undefined) keyCount++;
      if (stateMachine.get(key) === expected) continue;
      this.fail(
        'state machine safety',
        record,
        `${what} at ${index}: ${key} is ${stateMachine.get(key)}, expected ${expected}`,
      );
    }
    const { keyCount: keys, sessionCount: sessions } = stateMachine;
    if (keys !== keyCount || sessions !== this.committed.sessionCount(index)) {
      this.fail(
        'state machine safety',
        record,
        `${what} at ${index}: ${keys} keys and ${sessions} sessions, expected ${keyCount} and ${this.committed.sessionCount(index)}`,
      );
    }
  }

  /** The whole state of a server, once it has applied everything. */
  checkConverged(id: NodeId, stateMachine: KeyValueStore): void {
    this.checkContent(this.server(id), stateMachine, this.server(id).applied, 'state');
  }

  // --- promises ---

  promises(id: NodeId, to: NodeId, promised: Promised): void {
    this.promiseJudge.promises(id, to, promised);
  }

  /** `pastTerm`: see Line. */
  heard(id: NodeId, from: NodeId, promised: Promised, pastTerm?: number): void {
    this.promiseJudge.heard(id, from, promised, pastTerm);
  }

  readDone(id: NodeId, index: number, known: number): void {
    this.promiseJudge.readDone(id, index, known);
  }

  requestDone(id: NodeId, request: OperatorRequest, status: EngineStatus): void {
    this.promiseJudge.requestDone(id, request, status, this.leaders);
  }

  /** All is well, and everybody knows everything: who leads is a voter of his own configuration. */
  checkLeads(id: NodeId): void {
    const record = this.server(id);
    const voters = record.configuration?.voters ?? [];
    if (!record.isLeader || voters.includes(id)) return;
    this.fail('voting leader', record, `still leads term ${record.term}; voters are ${voters.join()}`);
  }

  // --- successors ---

  /** Server `id` tells another one to take over. */
  toldToStand(id: NodeId, to: NodeId): void {
    if (this.gone.has(to)) this.fail('living successor', this.server(id), `tells server ${to} to lead, which is away`);
  }

  // --- acknowledgements ---

  /** Server `id` tells a client that its command is done. */
  acknowledged(id: NodeId, clientId: number, clientSeq: number): void {
    const record = this.server(id);
    const index = this.committed.appliedAt(clientId, clientSeq);
    if (index !== undefined && index <= record.applied) return;
    const state = index === undefined ? 'is not committed' : `is entry ${index}; applied here up to ${record.applied}`;
    this.fail('acknowledged write', record, `acknowledges command ${clientSeq} of session ${clientId}, which ${state}`);
  }

  registered(id: NodeId, clientId: number): void {
    if (this.committed.hasSession(clientId)) return;
    this.fail('acknowledged write', this.server(id), `acknowledges session ${clientId}, which is not committed`);
  }

  private fail(invariant: Invariant, record: ServerRecord, what: string): never {
    throw new InvariantViolation(invariant, `server ${record.id}: ${what}`);
  }
}

/** More than the entries of any run. */
const POSITION_INDEXES = 2 ** 26;

/** Whether there is more in a batch than a commit index, which is a hint. */
function isPromised({ snapshot, entries, hardState }: PersistBatch, stored: HardState): boolean {
  const { term, vote } = hardState ?? stored;
  return snapshot !== undefined || entries.length > 0 || term !== stored.term || vote !== stored.vote;
}
