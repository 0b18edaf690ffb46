import { credentials, Server, ServerCredentials, type ServiceError, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  type AppendEntriesRequest,
  type AppendEntriesResponse,
  type Entry,
  EntryType,
  RaftClient,
  RaftService,
  type RequestVoteRequest,
  type RequestVoteResponse,
} from '../../src/wire/generated/gorums.ts';
import {
  Cmd,
  CmdType,
  InsertRequest,
  ReconfRequest,
  ReconfStatus,
  ReconfType,
  RKVService,
} from '../../src/wire/generated/rkv.ts';

/** What one of them keeps when it is killed: it writes nothing else, and never takes a snapshot. */
export class StandInDisk {
  term = 0;
  votedFor = 0;
  /** Entry i is log[i - 1]. */
  readonly log: Entry[] = [];

  get lastIndex(): number {
    return this.log.length;
  }

  termAt(index: number): number {
    return this.log[index - 1]?.term ?? 0;
  }
}

export interface StandInOptions {
  readonly id: number;
  readonly addresses: readonly string[];
  readonly cluster: readonly number[];
  readonly electionMs: number;
  readonly heartbeatMs: number;
  readonly disk: StandInDisk;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

const ENTRIES_PER_MESSAGE = 64;
const BURST = ENTRIES_PER_MESSAGE * 1024;
const CATCH_UP_INTERVAL_MS = 100;
const CALL_MS = 5000;

type Done<T> = sendUnaryData<T>;

/**
 * Stands in for one of the original's servers where its program is not at hand: what that puts on the wire, and what it does with what comes, its
 * mistakes included (docs/interop.md), as far as a cluster with ours can tell. It knows neither links nor introductions, sessions or Admin.
 */
export class OriginalStandIn {
  private readonly options: StandInOptions;
  private readonly disk: StandInDisk;
  private readonly server = new Server();
  private readonly peers = new Map<number, RaftClient>();
  private readonly timers: NodeJS.Timeout[] = [];
  private readonly store = new StandInStore(() => this.kill());
  private role: 'inactive' | 'follower' | 'candidate' | 'leader' = 'inactive';
  private members: Set<number>;
  private leader = 0;
  private heardFromLeader = false;
  private commitIndex = 0;
  private appliedIndex = 0;
  private askedMs = 0;
  private isDead = false;
  /** Of a leader. */
  private nextIndex = 1;
  private matchIndex = 0;
  private inFlight = 0;
  private queue: { readonly type: EntryType; readonly data: Uint8Array; readonly done: (result: unknown) => void }[] =
    [];
  private readonly waiting = new Map<number, (result: unknown) => void>();
  private reads: (() => void)[] = [];
  private readonly askedFor = new Map<number, number>();

  constructor(options: StandInOptions) {
    this.options = options;
    this.disk = options.disk;
    this.members = new Set(options.cluster);
    for (const [i, address] of options.addresses.entries()) {
      if (i + 1 !== options.id) this.peers.set(i + 1, new RaftClient(address, credentials.createInsecure()));
    }
    const { register, insert, lookup, reconf, reconfOnBecome } = RKVService;
    this.server.addService({ register, insert, lookup, reconf, reconfOnBecome }, this.clientCalls() as never);
    this.server.addService(RaftService, this.peerCalls() as never);
  }

  get leads(): boolean {
    return this.role === 'leader';
  }

  get lastIndex(): number {
    return this.disk.lastIndex;
  }

  async start(): Promise<this> {
    const { id, addresses, electionMs, heartbeatMs } = this.options;
    await new Promise<void>((resolve, reject) =>
      this.server.bindAsync(addresses[id - 1]!, ServerCredentials.createInsecure(), (error) =>
        error === null ? resolve() : reject(error),
      ),
    );
    for (const entry of this.disk.log) if (entry.entryType === EntryType.RECONF) this.configure(entry);
    this.role = this.members.has(id) ? 'follower' : 'inactive';
    this.every(electionMs, () => {
      if (this.role !== 'leader') this.heardFromLeader = false;
    });
    this.every(heartbeatMs, () => {
      if (this.role === 'leader') this.sendAppendEntries();
    });
    this.waitForLeader();
    return this;
  }

  /** As by SIGKILL: what is on its disk stays. */
  kill(): void {
    this.isDead = true;
    for (const timer of this.timers) clearTimeout(timer);
    this.server.forceShutdown();
    for (const peer of this.peers.values()) peer.close();
  }

  private every(ms: number, what: () => void): void {
    this.timers.push(setInterval(what, ms));
  }

  private get others(): number[] {
    return [...this.members].filter((id) => id !== this.options.id);
  }

  private get quorum(): number {
    return Math.floor(this.members.size / 2) + 1;
  }

  // --- elections ---

  private electionTimer: NodeJS.Timeout | undefined;

  private waitForLeader(): void {
    clearTimeout(this.electionTimer);
    const { electionMs, random } = this.options;
    this.electionTimer = setTimeout(() => void this.stand(), electionMs * (1 + random()));
    this.timers.push(this.electionTimer);
  }

  private async stand(): Promise<void> {
    if (this.isDead) return;
    this.waitForLeader();
    if (this.role === 'leader' || this.role === 'inactive') return;
    this.role = 'candidate';
    if (!(await this.ask(true)) || this.role !== 'candidate') return;
    this.disk.term++;
    this.disk.votedFor = this.options.id;
    const { term } = this.disk;
    if (!(await this.ask(false)) || this.role !== 'candidate' || this.disk.term !== term) return;
    this.role = 'leader';
    this.leader = this.options.id;
    this.nextIndex = this.disk.lastIndex + 1;
    this.queue = [{ type: EntryType.INTERNAL, data: Buffer.from('noop'), done: () => {} }];
    this.reads = [];
    this.sendAppendEntries();
  }

  private async ask(preVote: boolean): Promise<boolean> {
    const { disk } = this;
    const { lastIndex: lastLogIndex } = disk;
    const term = disk.term + (preVote ? 1 : 0);
    const request = {
      candidateID: this.options.id,
      term,
      lastLogIndex,
      lastLogTerm: disk.termAt(lastLogIndex),
      preVote,
    };
    const answers = this.others.map((id) => this.call<RequestVoteResponse>(id, 'requestVote', request));
    return new Promise((resolve) => {
      let votes = 1;
      let left = answers.length;
      for (const answer of answers) {
        void answer.then((vote) => {
          left--;
          if (vote !== undefined && vote.term > term) this.follow(vote.term);
          if (vote?.voteGranted === true && ++votes >= this.quorum) resolve(true);
          if (left === 0) resolve(votes >= this.quorum);
        });
      }
      if (left === 0) resolve(true);
    });
  }

  private follow(term: number): void {
    if (this.role === 'leader') {
      for (const { done } of this.queue.splice(0)) done(undefined);
      for (const done of this.waiting.values()) done(undefined);
      this.waiting.clear();
    }
    if (this.role !== 'inactive') this.role = 'follower';
    if (term > this.disk.term) {
      this.disk.term = term;
      this.disk.votedFor = 0;
    }
    this.waitForLeader();
  }

  private voteFor({ candidateID, term, lastLogIndex, lastLogTerm, preVote }: RequestVoteRequest): RequestVoteResponse {
    const { disk } = this;
    if (term < disk.term) return { term: disk.term, voteGranted: false };
    if (term > disk.term && !preVote) this.follow(term);
    const voted = disk.votedFor !== 0;
    if (preVote && (this.heardFromLeader || (voted && term === disk.term)))
      return { term: disk.term, voteGranted: false };
    const lastTerm = disk.termAt(disk.lastIndex);
    const isUpToDate = lastLogTerm > lastTerm || (lastLogTerm === lastTerm && lastLogIndex >= disk.lastIndex);
    if (!isUpToDate || (voted && disk.votedFor !== candidateID && !preVote))
      return { term: disk.term, voteGranted: false };
    if (preVote) return { term, voteGranted: true };
    disk.votedFor = candidateID;
    this.waitForLeader();
    return { term: disk.term, voteGranted: true };
  }

  // --- following ---

  private append({ leaderID, term, prevLogIndex, prevLogTerm, commitIndex, entries }: AppendEntriesRequest) {
    const { disk } = this;
    const response: AppendEntriesResponse = { term: disk.term, matchIndex: disk.lastIndex, success: false };
    if (term < disk.term) return response;
    if (term > disk.term || (this.role !== 'follower' && this.role !== 'inactive')) {
      this.follow(term);
      response.term = term;
    }
    this.leader = leaderID;
    this.heardFromLeader = true;
    this.waitForLeader();
    const agrees = prevLogIndex <= disk.lastIndex && disk.termAt(prevLogIndex) === prevLogTerm;
    if (prevLogIndex !== 0 && !agrees) {
      this.askForMore(leaderID);
      return response;
    }
    for (const [i, entry] of entries.entries()) {
      const index = prevLogIndex + 1 + i;
      if (disk.termAt(index) === entry.term) continue;
      disk.log.length = index - 1;
      disk.log.push(entry);
      if (entry.entryType === EntryType.RECONF) this.configure(entry);
    }
    // Whatever its log holds there, and be it less than before.
    const before = this.commitIndex;
    this.commitIndex = Math.min(commitIndex, disk.lastIndex);
    if (this.commitIndex > before) this.commit(before);
    return { ...response, success: true };
  }

  /** Always what comes after its log, whether that ends as the leader's or not. */
  private askForMore(leader: number): void {
    const nowMs = performance.now();
    if (nowMs - this.askedMs < CATCH_UP_INTERVAL_MS) return;
    this.askedMs = nowMs;
    void this.call(leader, 'catchMeUp', { followerID: this.options.id, nextIndex: this.disk.lastIndex + 1 });
  }

  // --- leading ---

  private sendAppendEntries(): void {
    const { disk, options } = this;
    if (this.inFlight > options.addresses.length - 1) return;
    for (const { type, data, done } of this.queue.splice(0, ENTRIES_PER_MESSAGE)) {
      const index = disk.lastIndex + 1;
      const entry = { term: disk.term, index, entryType: type, data: Buffer.from(data) };
      disk.log.push(entry);
      this.waiting.set(index, done);
      if (type === EntryType.RECONF) this.configure(entry);
    }
    const { term } = disk;
    const from = new Map(this.askedFor);
    this.askedFor.clear();
    const first = Math.min(this.nextIndex, ...this.others.map((id) => from.get(id) ?? this.nextIndex));
    const end = Math.min(first + BURST, disk.lastIndex);
    const roundNext = this.nextIndex;
    this.inFlight++;
    const answers = this.others.map((id) => {
      const next = from.get(id) ?? roundNext;
      return this.call<AppendEntriesResponse>(id, 'appendEntries', this.requestFrom(next, end));
    });
    void quorumOf(answers, this.quorum - 1).then((isQuorum) => {
      this.inFlight--;
      if (this.role !== 'leader' || disk.term !== term) return;
      if (isQuorum) {
        this.matchIndex = end;
        this.nextIndex = end + 1;
      } else this.nextIndex = Math.max(1, Math.min(this.nextIndex - BURST, this.matchIndex + 1));
      if (isQuorum && disk.termAt(this.matchIndex) === term && this.matchIndex > this.commitIndex) {
        const before = Math.max(this.commitIndex, this.appliedIndex);
        this.commitIndex = this.matchIndex;
        this.commit(before);
      }
      // Whether or not a quorum has answered.
      for (const read of this.reads.splice(0)) read();
      if (this.queue.length > 0) this.sendAppendEntries();
    });
    for (const answer of answers) {
      void answer.then((response) => {
        if (response !== undefined && response.term > disk.term) this.follow(response.term);
      });
    }
  }

  private requestFrom(next: number, end: number): AppendEntriesRequest {
    const { disk } = this;
    return {
      leaderID: this.options.id,
      term: disk.term,
      prevLogIndex: next - 1,
      prevLogTerm: disk.termAt(next - 1),
      commitIndex: this.commitIndex,
      entries: disk.log.slice(next - 1, end),
    };
  }

  private commit(before: number): void {
    for (let index = before + 1; index <= this.commitIndex; index++) {
      // The last one again, where the commit index had gone down.
      if (index < this.appliedIndex) continue;
      this.appliedIndex = index;
      const entry = this.disk.log[index - 1]!;
      const result =
        entry.entryType === EntryType.NORMAL ? this.store.apply(index, entry.data) : { status: ReconfStatus.OK };
      this.waiting.get(index)?.(result);
      this.waiting.delete(index);
      if (entry.entryType === EntryType.RECONF && !this.members.has(this.options.id)) {
        this.follow(this.disk.term);
        this.role = 'inactive';
      }
    }
  }

  private configure({ data }: Entry): void {
    const { serverID, reconfType } = ReconfRequest.decode(data);
    const { id } = this.options;
    if (reconfType === ReconfType.ADD) this.members = new Set([...this.members, serverID]);
    else this.members = new Set([...this.members].filter((each) => each !== serverID));
    if (this.role === 'inactive' && this.members.has(id)) this.role = 'follower';
  }

  // --- what is asked of it ---

  private peerCalls(): Record<string, unknown> {
    const answer =
      <T>(of: (request: never) => T) =>
      (call: { request: never }, done: Done<T>) =>
        done(null, of(call.request));
    return {
      requestVote: answer((request: RequestVoteRequest) => this.voteFor(request)),
      appendEntries: answer((request: AppendEntriesRequest) => this.append(request)),
      // And installs nothing.
      installSnapshot: answer(() => ({ term: this.disk.term })),
      catchMeUp: answer(({ followerID, nextIndex }: { followerID: number; nextIndex: number }) => {
        this.askedFor.set(followerID, nextIndex);
        return {};
      }),
    };
  }

  private clientCalls(): Record<string, unknown> {
    const propose = (cmdType: CmdType, of: (request: never) => Uint8Array, toAnswer: (result: never) => unknown) => {
      return (call: { request: never }, done: Done<unknown>) => {
        const data = Cmd.encode({ cmdType, data: Buffer.from(of(call.request)) }).finish();
        this.propose(EntryType.NORMAL, data, done, toAnswer);
      };
    };
    return {
      register: propose(
        CmdType.REGISTER,
        () => new Uint8Array(0),
        (clientID) => ({ clientID }),
      ),
      insert: propose(
        CmdType.INSERT,
        (request: InsertRequest) => InsertRequest.encode(request).finish(),
        () => ({ ok: true }),
      ),
      lookup: (call: { request: { key: string } }, done: Done<{ value: string }>) => {
        if (this.role !== 'leader') done(this.notLeader());
        else this.reads.push(() => done(null, { value: this.store.get(call.request.key) }));
      },
      reconf: (call: { request: ReconfRequest }, done: Done<unknown>) => void this.reconf(call.request, done),
      reconfOnBecome: (call: { request: ReconfRequest }, done: Done<unknown>) => this.onceLeader(call.request, done),
    };
  }

  private notLeader(): ServiceError {
    return { code: status.UNKNOWN, details: `not leader, ${this.leader} is` } as ServiceError;
  }

  private propose(type: EntryType, data: Uint8Array, done: Done<unknown>, toAnswer: (result: never) => unknown): void {
    if (this.role !== 'leader') {
      done(this.notLeader());
      return;
    }
    const answered = (result: unknown) =>
      result === undefined ? done(this.notLeader()) : done(null, toAnswer(result as never));
    this.queue.push({ type, data, done: answered });
  }

  private async reconf(request: ReconfRequest, done: Done<unknown>): Promise<void> {
    const { serverID, reconfType } = request;
    if (this.role !== 'leader') {
      done(this.notLeader());
      return;
    }
    const isMember = this.members.has(serverID);
    if (serverID < 1 || serverID > this.options.addresses.length || isMember === (reconfType === ReconfType.ADD)) {
      done(null, { status: ReconfStatus.TIMEOUT, leaderHint: '', detail: '' });
      return;
    }
    if (reconfType === ReconfType.ADD && !(await this.replicate(serverID))) {
      done(null, { status: ReconfStatus.TIMEOUT, leaderHint: '', detail: '' });
      return;
    }
    this.propose(EntryType.RECONF, ReconfRequest.encode(request).finish(), done, () => ({
      status: ReconfStatus.OK,
      leaderHint: '',
      detail: '',
    }));
  }

  /** After a removal it adds server 4, whoever that is. */
  private onceLeader(request: ReconfRequest, done: Done<unknown>): void {
    if (this.isDead) return;
    if (this.role !== 'leader') {
      this.timers.push(setTimeout(() => this.onceLeader(request, done), this.options.heartbeatMs));
      return;
    }
    void this.reconf(request, (error, response) => {
      done(error, response);
      if (error !== null || request.reconfType !== ReconfType.REMOVE) return;
      void this.reconf({ serverID: 4, reconfType: ReconfType.ADD }, () => {});
    });
  }

  private async replicate(id: number): Promise<boolean> {
    for (let next = 1, errors = 0; this.role === 'leader' && errors <= 3; ) {
      const request = this.requestFrom(next, Math.min(next + BURST, this.disk.lastIndex));
      const response = await this.call<AppendEntriesResponse>(id, 'appendEntries', request);
      if (response === undefined) errors++;
      else if (next > this.matchIndex || this.matchIndex - (next - 1) < ENTRIES_PER_MESSAGE) return true;
      else if (response.success) next += request.entries.length;
      else next = Math.max(1, Math.min(next - ENTRIES_PER_MESSAGE, response.matchIndex + 1));
    }
    return false;
  }

  private call<T>(
    id: number,
    method: 'requestVote' | 'appendEntries' | 'catchMeUp',
    request: unknown,
  ): Promise<T | undefined> {
    return new Promise((resolve) => {
      const client = this.peers.get(id);
      if (client === undefined || this.isDead) {
        resolve(undefined);
        return;
      }
      const done = (error: unknown, response: unknown) => resolve(error === null ? (response as T) : undefined);
      (client[method] as (...args: unknown[]) => void).call(client, request, { deadline: Date.now() + CALL_MS }, done);
    });
  }
}

/** Whether so many of them succeed. */
function quorumOf(answers: readonly Promise<AppendEntriesResponse | undefined>[], needed: number): Promise<boolean> {
  return new Promise((resolve) => {
    let successes = 0;
    let left = answers.length;
    if (needed <= 0) resolve(true);
    for (const answer of answers) {
      void answer.then((response) => {
        left--;
        if (response?.success === true && ++successes >= needed) resolve(true);
        if (left === 0) resolve(successes >= needed);
      });
    }
  });
}

/** Its state machine: an insert that comes ahead of its turn is answered, and kept until its turn comes. */
class StandInStore {
  private readonly values = new Map<string, string>();
  private readonly sessions = new Map<number, { applied: number; ahead: Map<number, InsertRequest> }>();
  private readonly panic: () => void;

  constructor(panic: () => void) {
    this.panic = panic;
  }

  get(key: string): string {
    return this.values.get(key) ?? '(none)';
  }

  apply(index: number, data: Uint8Array): unknown {
    const command = Cmd.decode(data);
    if (command.cmdType === CmdType.REGISTER) {
      this.sessions.set(index, { applied: 0, ahead: new Map() });
      return index;
    }
    const insert = InsertRequest.decode(command.data);
    const session = this.sessions.get(insert.clientID);
    if (session === undefined) {
      this.panic();
      return undefined;
    }
    if (insert.clientSeq > session.applied) session.ahead.set(insert.clientSeq, insert);
    for (let next = session.ahead.get(session.applied + 1); next !== undefined; ) {
      this.values.set(next.key, next.value);
      session.applied++;
      session.ahead.delete(session.applied);
      next = session.ahead.get(session.applied + 1);
    }
    return true;
  }
}
