/** A mutant that need not be killed, and why. */
export interface Equivalent {
  /** `Mutant.key`: it ends to name anything once the code changes, and then the command and a test say so. */
  readonly key: string;
  readonly why: string;
}

/** Survivors that are argued: they change nothing, or nothing that anybody was promised. */
export const EQUIVALENTS: readonly Equivalent[] = [
  // gorums
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.durable: drop this.leader?.countRounds();',
    why: 'Every drain counts the rounds again (Leader.pump), and a drain follows every input.',
  },
  {
    key: 'consensus/gorums/election.ts Election.toldToStand: half state.mayStand && state.term < TERM_MAX → state.mayStand',
    why: 'A message of TERM_MAX comes only from who leads that term, and TermGuard leaves so many that nobody gets there.',
  },
  {
    key: 'consensus/gorums/election.ts Election.heardLeader: swap this.heardMs = this.state.nowMs; this.state.restartElectionTimer(); → this.state.restartElectionTimer(); this.heardMs = this.state.nowMs;',
    why: 'Both look at the time, and neither at what the other sets.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.countRounds: bound index > state.commitIndex → index >= state.commitIndex',
    why: 'Where nothing new is committed it only resets the patience with unanswered rounds, which are then sent again a little sooner.',
  },
  {
    key: 'consensus/gorums/replication.ts Replication.tick: bound this.state.nowMs - oldestStartMs > this.roundTimeoutMs → this.state.nowMs - oldestStartMs >= this.roundTimeoutMs',
    why: 'A round is sent again a millisecond sooner.',
  },
  {
    key: 'consensus/gorums/replication.ts Replication.startRound: half entries.length > 0 || carriesReads → entries.length > 0',
    why: 'Decides only how soon the next round for reads leaves: by a tick at the most.',
  },
  {
    key: 'consensus/gorums/peer.ts Peer.isOvertaken: bound sent.bytes > 0 → sent.bytes >= 0',
    why: 'An empty message is under way as long as those around it; the sum of bytes, which decides, is the same.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.snapshotInstalled: drop this.heard(from);',
    why: 'Who installs a snapshot answers heartbeats as well, and these are heard within one.',
  },
  // etcd
  {
    key: 'consensus/etcd/engine.ts EtcdEngine.retrySnapshots: drop this.snapshotSentMs.delete(id); (2)',
    why: 'After the report of a failure the state is Probe, and the next tick deletes it for that.',
  },
  {
    key: 'consensus/etcd/leader.ts receiveAppendResponse: bound before < leader.pendingConfIndex → before <= leader.pendingConfIndex',
    why: 'Tells followers of a commit at once that could wait for the next message.',
  },
  {
    key: 'consensus/etcd/node.ts RaftNode.constructor: swap checkOptions(options); this.state = new RaftState(options, storage, initial); → this.state = new RaftState(options, storage, initial); checkOptions(options);',
    why: 'The constructor throws the same error, after it has made a state that nobody gets.',
  },
  {
    key: 'consensus/etcd/reads.ts answerRead: swap answer.readContext = read.context; state.send(answer); → state.send(answer); answer.readContext = read.context;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/reads.ts ClientReads.refuse: swap this.asked.clear(); this.fresh = []; → this.fresh = []; this.asked.clear();',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/etcd/step.ts tick: swap state.ticks++; state.electionElapsed++; → state.electionElapsed++; state.ticks++;',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/etcd/step.ts tick: swap state.electionElapsed = 0; startElection(state, false); → startElection(state, false); state.electionElapsed = 0;',
    why: 'Standing for election neither looks at the time that passed nor, but by setting it to nothing, changes it.',
  },
  {
    key: 'consensus/etcd/step.ts answerLowerTerm: swap answer.reject = true; state.send(answer); → state.send(answer); answer.reject = true;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/step.ts snapshotApplied: swap state.log.unstable.snapshotStable(index); appliedTo(state, index, 0, 0); → appliedTo(state, index, 0, 0); state.log.unstable.snapshotStable(index);',
    why: 'Only a leader looks further when something is applied, and nobody leads while a snapshot is being written.',
  },
  {
    key: 'consensus/etcd/unstableLog.ts UnstableLog.append: bound from < this.end → from <= this.end (2)',
    why: 'Where entries follow the last one the copy that is made holds all of them.',
  },
  {
    key: 'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveAppend(state, message); → receiveAppend(state, message); hearFrom(state, message);',
    why: 'Neither looks at what the other sets.',
  },
  {
    key: 'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveHeartbeat(state, message); → receiveHeartbeat(state, message); hearFrom(state, message);',
    why: 'Neither looks at what the other sets.',
  },
  {
    key: 'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveSnapshot(state, message); → receiveSnapshot(state, message); hearFrom(state, message);',
    why: 'Neither looks at what the other sets.',
  },
  {
    key: 'consensus/etcd/follower.ts receiveAppend: swap answer.index = last; state.send(answer); → state.send(answer); answer.index = last;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/follower.ts receiveAppend: swap answer.logTerm = hint.term; state.send(answer); → state.send(answer); answer.logTerm = hint.term;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/follower.ts restore: swap log.restore(snapshot); state.members = membersOf(snapshot.configuration, (_id, learner) => state.newProgress(learner)); → state.members = membersOf(snapshot.configuration, (_id, learner) => state.newProgress(learner)); log.restore(snapshot);',
    why: 'What a follower keeps of the others’ progress is made anew before it stands for election.',
  },
  {
    key: 'consensus/etcd/follower.ts forward: swap message.to = state.lead; state.send(message); → state.send(message); message.to = state.lead;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/engine.ts EtcdEngine.watchAudience: swap request.logTerm = log.lastTerm; this.out.send(id, request); → this.out.send(id, request); request.logTerm = log.lastTerm;',
    why: 'What is sent stays in the outbox, the same object, until the turn is over.',
  },
  {
    key: 'consensus/etcd/engine.ts EtcdEngine.noticeReign: drop this.snapshotSentMs.clear();',
    why: 'What was sent in an earlier reign is forgotten at the next tick, as nobody is in the state Snapshot for it; at worst one is repeated early.',
  },
  {
    key: 'consensus/etcd/node.ts RaftNode.ready: negate state.lead !== this.lastLead → state.lead === this.lastLead',
    why: 'Decides only whether the role is reported again as an event.',
  },
  // hashicorp
  {
    key: 'consensus/hashicorp/delivery.ts Delivery.take: drop if (from > commitIndex) return { restore, committed: NONE };',
    why: 'From an index above the commit index on there are no entries up to it: none are read.',
  },
  {
    key: 'consensus/hashicorp/dispatcher.ts Dispatcher.dispatch: off by one first - 1 → first',
    why: 'One entry less of many thousands may be uncommitted.',
  },
  {
    key: 'consensus/hashicorp/election.ts Elections.writeDurable: half state.role !== Role.Candidate || state.writes.durableTerm !== state.term → state.writes.durableTerm !== state.term',
    why: 'Only candidates and pre-candidates have a candidacy to count in, and a pre-candidate has its own pre-vote from the beginning.',
  },
  {
    key: 'consensus/hashicorp/reads.ts ReadQueue.roundBegan: drop this.lastBeganMs = nowMs;',
    why: 'More rounds than one a tick may begin for reads; each read still waits for a round that began after it.',
  },
  {
    key: 'consensus/hashicorp/replication.ts Replicator.heartbeatAnswered: negate this.failures > 0 → this.failures <= 0',
    why: 'A follower that answers again after a silence is served when its wait is over, an election timeout at the most.',
  },
  {
    key: 'consensus/hashicorp/replication.ts Replicator.snapshotReplied: drop this.failures = 0;',
    why: 'The next failure is waited for longer than it need be, an election timeout at the most.',
  },
  {
    key: 'consensus/hashicorp/replication.ts Replicator.matched: bound index <= this.match → index < this.match',
    why: 'What was known is counted again and comes to the same.',
  },
  {
    key: "consensus/hashicorp/replication.ts Replicator.commitIsNews: half this.mode === 'pipeline' && this.next > log.lastIndex → this.mode === 'pipeline'",
    why: 'A commit index may then leave with entries that would have followed a moment later.',
  },
  {
    key: 'consensus/hashicorp/replication.ts Replicator.appendRefused: flip false → true',
    why: 'What is acknowledged is counted once more, and comes to the same.',
  },
  {
    key: 'consensus/hashicorp/follower.ts FollowerLog.snapshot: drop this.receiver.abandon();',
    why: 'Keeps the chunks of a snapshot that nobody goes on with in memory until the next one; what is in the log is answered from there.',
  },
  {
    key: 'consensus/hashicorp/leader.ts Leadership.startReplication: swap this.replicators = [...others, new Replicator(id, this)].sort((a, b) => a.peer - b.peer); this.tracker.forget(id); → this.tracker.forget(id); this.replicators = [...others, new Replicator(id, this)].sort((a, b) => a.peer - b.peer);',
    why: 'A replicator does not look at the tracker, nor the tracker at replicators.',
  },
  // identity
  {
    key: 'server/identity/fences.ts fencesInForce: bound index <= (all.get(fence.id)?.index ?? 0) → index < (all.get(fence.id)?.index ?? 0)',
    why: 'What is noted again at the same index is the same entry.',
  },
  {
    key: 'server/identity/shutOuts.ts ShutOuts.isDeafTo: drop this.bars.delete(id);',
    why: 'What was met as far never falls, so the bar keeps nobody out any more: it only stays in memory.',
  },
  {
    key: 'server/identity/startDecision.ts leaderOf: half leader !== 0 && (named.get(leader) ?? leader) === leader → (named.get(leader) ?? leader) === leader',
    why: 'Votes for nobody come first where they are sorted by id, and whoever comes next takes the place of nobody.',
  },
  // state machine
  {
    key: 'server/stateMachine/keyValueStore.ts KeyValueStore.restore: swap this.fencesApplied = fences; this.sessions.replace(used, unused); → this.sessions.replace(used, unused); this.fencesApplied = fences;',
    why: 'Three parts of the state, none of which looks at another; nobody looks at them in between.',
  },
  {
    key: 'server/stateMachine/keyValueStore.ts KeyValueStore.restore: swap this.sessions.replace(used, unused); this.values.clear(); → this.values.clear(); this.sessions.replace(used, unused);',
    why: 'Three parts of the state, none of which looks at another; nobody looks at them in between.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.add: swap block.size++; this.size++; → this.size++; block.size++;',
    why: 'Two counts, neither of which looks at the other.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.read: swap numbers.blocks.set(key, block); numbers.size += block.size; → numbers.size += block.size; numbers.blocks.set(key, block);',
    why: 'A map and a count, neither of which looks at the other.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.add: swap block.bits[byteOf(number)]! |= bitOf(number); block.size++; → block.size++; block.bits[byteOf(number)]! |= bitOf(number);',
    why: 'A bit and a count, neither of which looks at the other.',
  },
  {
    key: 'server/stateMachine/session.ts Session.giveUp: swap this.mark = seq; this.above.dropUpTo(seq); → this.above.dropUpTo(seq); this.mark = seq;',
    why: 'A number and a set, neither of which looks at the other.',
  },
  {
    key: 'server/stateMachine/session.ts Session.giveUp: swap this.above.dropUpTo(seq); this.absorb(); → this.absorb(); this.above.dropUpTo(seq);',
    why: 'absorb looks at what is above the mark, and the mark is where the drop ends. Costs an empty set until it is used next.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.add: bound number > this.highest → number >= this.highest',
    why: 'The highest is assigned to itself.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.dropUpTo: drop for (const [key, block] of this.blocks) { if (key >= last) continue; this.size -= block.size; this.blocks.delete(key); }',
    why: 'Faster only: what follows deletes the same, one by one.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.dropUpTo: swap this.size -= block.size; this.blocks.delete(key); → this.blocks.delete(key); this.size -= block.size;',
    why: 'A map and a count, neither of which looks at the other.',
  },
  {
    key: 'server/stateMachine/sparseNumbers.ts SparseNumbers.lowest: bound each < key → each <= key',
    why: 'The keys are those of a map: no two are equal.',
  },
  {
    key: 'server/stateMachine/sessionTable.ts SessionTable.noteUse: swap this.unused.delete(id); this.used.set(id, session); → this.used.set(id, session); this.unused.delete(id);',
    why: 'Two lists, neither of which looks at the other; nobody looks at them in between.',
  },
  {
    key: 'server/stateMachine/sessionTable.ts SessionTable.register: swap this.newest = index; this.unused.add(index); → this.unused.add(index); this.newest = index;',
    why: 'Neither looks at what the other sets.',
  },
  // host
  {
    key: 'server/host/pendingCommands.ts PendingCommands.addCommand: swap this.arrivedBytes += command.length; append(this.arrived, command, sink, tag); → append(this.arrived, command, sink, tag); this.arrivedBytes += command.length;',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.bytes += key.length; this.lookups.keys.push(key); → this.lookups.keys.push(key); this.lookups.bytes += key.length;',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.keys.push(key); this.lookups.sinks.push(sink); → this.lookups.sinks.push(sink); this.lookups.keys.push(key);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.addLookup: swap this.lookups.sinks.push(sink); this.lookups.tags.push(tag); → this.lookups.tags.push(tag); this.lookups.sinks.push(sink);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.portion: swap dropFirst(this.arrived, at); this.takeWaiting(offered, bytes); → this.takeWaiting(offered, bytes); dropFirst(this.arrived, at);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.portion: swap this.arrivedBytes -= size; move(this.arrived, at, offered); → move(this.arrived, at, offered); this.arrivedBytes -= size;',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.portion: swap move(this.arrived, at, this.waiting); this.arrivedBytes -= size; → this.arrivedBytes -= size; move(this.arrived, at, this.waiting);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.sift: swap commands.length = kept; cut(waiters, kept); → cut(waiters, kept); commands.length = kept;',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.readConfirmed: swap this.reading.delete(token); this.confirmed.push({ index, lookups }); → this.confirmed.push({ index, lookups }); this.reading.delete(token);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.readConfirmed: swap this.deciding.delete(token); this.decidable.push({ index, queue }); → this.decidable.push({ index, queue }); this.deciding.delete(token);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.waiting = emptyQueue(); this.waitingSessions.clear(); → this.waitingSessions.clear(); this.waiting = emptyQueue();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.waitingSessions.clear(); this.undecided = emptyQueue(); → this.undecided = emptyQueue(); this.waitingSessions.clear();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.cleared = emptyQueue(); this.deciding.clear(); → this.deciding.clear(); this.cleared = emptyQueue();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.deciding.clear(); this.decidable = []; → this.decidable = []; this.deciding.clear();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.lookups = noLookups(); this.reading.clear(); → this.reading.clear(); this.lookups = noLookups();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: swap this.reading.clear(); this.confirmed = []; → this.confirmed = []; this.reading.clear();',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts append: swap commands.push(command); waiters.sinks.push(sink); → waiters.sinks.push(sink); commands.push(command);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts append: swap waiters.sinks.push(sink); waiters.tags.push(tag); → waiters.tags.push(tag); waiters.sinks.push(sink);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts append: swap waiters.tags.push(tag); waiters.sizes.push(command.length); → waiters.sizes.push(command.length); waiters.tags.push(tag);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts dropFirst: swap commands.splice(0, count); waiters.sinks.splice(0, count); → waiters.sinks.splice(0, count); commands.splice(0, count);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts dropFirst: swap waiters.sinks.splice(0, count); waiters.tags.splice(0, count); → waiters.tags.splice(0, count); waiters.sinks.splice(0, count);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts dropFirst: swap waiters.tags.splice(0, count); waiters.sizes.splice(0, count); → waiters.sizes.splice(0, count); waiters.tags.splice(0, count);',
    why: 'Neither looks at what the other changes.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.portion: drop this.arrivedBytes -= size;',
    why: 'With too much counted as arrived a portion is made where everything fits, and it is the same.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.portion: drop this.arrivedBytes -= size; (2)',
    why: 'With too much counted as arrived a portion is made where everything fits, and it is the same.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.takeCommands: drop this.arrivedBytes = 0;',
    why: 'With too much counted as arrived a portion is made where everything fits, and it is the same.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.loseAll: drop this.arrivedBytes = 0;',
    why: 'With too much counted as arrived a portion is made where everything fits, and it is the same.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.appendCleared: drop if (cleared.commands.length === 0) return;',
    why: 'Only spares the work where there is nothing to do.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.answerLookups: drop if (this.confirmed.length === 0) return;',
    why: 'Only spares the work where there is nothing to do.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.forgetHead: bound this.acceptedHead >= ACCEPTED_SLACK_MAX → this.acceptedHead > ACCEPTED_SLACK_MAX',
    why: 'Decides only when the finished ones at the front are cut off.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.applied: bound head.answered < position → head.answered <= position',
    why: 'An empty range is answered then.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.applied: drop this.forgetHead();',
    why: 'All of it are answered, and the next entry forgets it.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.applied: swap this.forgetHead(); this.answerRest(head, UNKNOWN); → this.answerRest(head, UNKNOWN); this.forgetHead();',
    why: 'Who is told comes back in a later turn, and does not see what is forgotten.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.readFailed: swap this.reading.delete(token); this.answerAll(lookups, () => outcome); → this.answerAll(lookups, () => outcome); this.reading.delete(token);',
    why: 'Who is told comes back in a later turn, and does not see what is forgotten.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.readFailed: swap this.deciding.delete(token); this.answerRange(queue.waiters, 0, queue.commands.length, outcome); → this.answerRange(queue.waiters, 0, queue.commands.length, outcome); this.deciding.delete(token);',
    why: 'Who is told comes back in a later turn, and does not see what is forgotten.',
  },
  {
    key: 'server/host/replica.ts Replica.submit: swap this.pending.addCommand(command, sink, tag); this.wake(); → this.wake(); this.pending.addCommand(command, sink, tag);',
    why: 'A turn is only asked for, and comes later than both.',
  },
  {
    key: 'server/host/replica.ts Replica.lookup: swap this.pending.addLookup(key, sink, tag); this.wake(); → this.wake(); this.pending.addLookup(key, sink, tag);',
    why: 'A turn is only asked for, and comes later than both.',
  },
  {
    key: 'server/host/replica.ts Replica.snapshotStored: swap this.engine.snapshotStored(index); this.wake(); → this.wake(); this.engine.snapshotStored(index);',
    why: 'A turn is only asked for, and comes later than both.',
  },
  {
    key: 'server/host/replica.ts Replica.carryOut: swap this.lastMark = persist.mark; this.store.persist(persist); → this.store.persist(persist); this.lastMark = persist.mark;',
    why: 'The store does not come back inside of persist, and where it throws the server ends.',
  },
  {
    key: 'server/host/replica.ts Replica.turn: swap this.noticeStatus(); this.maybeSnapshot(); → this.maybeSnapshot(); this.noticeStatus();',
    why: 'A snapshot is of what is applied, whoever leads.',
  },
  {
    key: 'server/host/replica.ts Replica.releaseHeld: swap this.environment.send(messages); released++; → released++; this.environment.send(messages);',
    why: 'The count is looked at after the loop.',
  },
  {
    key: 'server/host/replica.ts Replica.commit: swap this.engine.applied(this.appliedIndex); this.answerReads(); → this.answerReads(); this.engine.applied(this.appliedIndex);',
    why: 'What the engine does of it is seen when it is drained, and no answer depends on it.',
  },
  {
    key: 'server/host/pendingCommands.ts PendingCommands.sift: bound kept < i → kept <= i',
    why: 'What passes is then assigned to its own place.',
  },
  // what the engines share
  {
    key: 'consensus/parts/quorum.ts majorityReached: bound sorted[at - 1]! > value → sorted[at - 1]! >= value',
    why: 'Of equals either may stand first: what is read of them is the value.',
  },
  {
    key: 'consensus/parts/quorum.ts majorityReached: half at > 0 && sorted[at - 1]! > value → sorted[at - 1]! > value',
    why: 'Before the first there is undefined, which is not more than anything.',
  },
  {
    key: 'consensus/parts/quorum.ts majorityReached: bound at > 0 → at >= 0',
    why: 'Before the first there is undefined, which is not more than anything.',
  },
  {
    key: 'consensus/membership/transferPreparation.ts TransferPreparation.refusedAtOnce: half this.to === 0 && this.candidates.length === 0 → this.candidates.length === 0',
    why: 'Who was named and is no candidate was refused above.',
  },
  {
    key: 'consensus/parts/electionTimer.ts ElectionTimer.constructor: swap this.sleep = new HostSleep(electionTimeoutMs, nowMs); this.restart(nowMs); → this.restart(nowMs); this.sleep = new HostSleep(electionTimeoutMs, nowMs);',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/parts/lifeEvents.ts LifeEvents.turned: drop if (stays && configuration === before.configuration) return NOTHING;',
    why: 'A short way: nothing is found where nothing changed.',
  },
  {
    key: 'consensus/parts/logTail.ts LogTail.term: bound index > this.last → index >= this.last',
    why: 'The last entry was answered for above.',
  },
  {
    key: 'consensus/parts/logTail.ts LogTail.isUpToDate: bound lastTerm > this.lastTermValue → lastTerm >= this.lastTermValue',
    why: 'Equal terms were decided before.',
  },
  {
    key: 'consensus/parts/logTail.ts LogTail.truncateFrom: bound index > this.tailStart → index >= this.tailStart',
    why: 'Where the tail begins with what is dropped, nothing of it is left either way.',
  },
  {
    key: 'consensus/parts/turnGuard.ts TurnGuard.check: swap this.checkTerm(now); this.checkCommit(now, termAt); → this.checkCommit(now, termAt); this.checkTerm(now);',
    why: 'Both only look: which of two broken rules is told first makes no difference to a server that stops.',
  },
  {
    key: "consensus/membership/preparations.ts Preparations.change: swap engine.record('startreplicate'); engine.stage(this.newcomer); → engine.stage(this.newcomer); engine.record('startreplicate');",
    why: 'An event for the record, and what it tells of, in one turn.',
  },
  {
    key: "consensus/membership/preparations.ts Preparations.change: swap engine.record(adds ? 'proposeaddserver' : 'proposeremoveserver'); this.preparing = new ChangePreparation(request, engine.view); → this.preparing = new ChangePreparation(request, engine.view); engine.record(adds ? 'proposeaddserver' : 'proposeremoveserver');",
    why: 'An event for the record, and what it tells of, in one turn.',
  },
  {
    key: 'server/host/replica.ts Replica.currentSnapshot: half term === undefined || this.restoring !== undefined → term === undefined',
    why: 'While a state is restored the log begins after it, so that the term at what is applied, which is before it, is gone.',
  },
  {
    key: 'server/host/replica.ts Replica.durable: swap this.releaseHeld(mark); this.finishRestore(mark); → this.finishRestore(mark); this.releaseHeld(mark);',
    why: 'Who gets the messages hears them later than both.',
  },
  {
    key: 'server/host/replica.ts Replica.snapshotStored: swap this.snapshotIndex = Math.max(this.snapshotIndex, index); this.engine.snapshotStored(index); → this.engine.snapshotStored(index); this.snapshotIndex = Math.max(this.snapshotIndex, index);',
    why: 'The engine does not know the index that the host keeps.',
  },
  {
    key: 'server/host/replica.ts Replica.wake: swap this.turnScheduled = true; this.environment.schedule(() => { this.turnScheduled = false; this.turn(); }); → this.environment.schedule(() => { this.turnScheduled = false; this.turn(); }); this.turnScheduled = true;',
    why: 'A turn is only asked for, and comes later.',
  },
  {
    key: 'server/host/replica.ts Replica.finishRestore: swap this.restoring = undefined; this.stateMachine.restore(restoring.snapshot.data); → this.stateMachine.restore(restoring.snapshot.data); this.restoring = undefined;',
    why: 'Three facts of the same state, which nobody looks at before all are set.',
  },
  {
    key: 'server/host/replica.ts Replica.finishRestore: swap this.stateMachine.restore(restoring.snapshot.data); this.appliedIndex = restoring.snapshot.index; → this.appliedIndex = restoring.snapshot.index; this.stateMachine.restore(restoring.snapshot.data);',
    why: 'Three facts of the same state, which nobody looks at before all are set.',
  },
  {
    key: 'server/host/replica.ts Replica.finishRestore: swap this.snapshotIndex = restoring.snapshot.index; this.environment.restored?.(restoring.snapshot); → this.environment.restored?.(restoring.snapshot); this.snapshotIndex = restoring.snapshot.index;',
    why: 'Three facts of the same state, which nobody looks at before all are set.',
  },
  {
    key: 'server/host/replica.ts Replica.maybeSnapshot: swap this.snapshotInFlight = true; this.store.storeSnapshot(snapshot, trailingEntries); → this.store.storeSnapshot(snapshot, trailingEntries); this.snapshotInFlight = true;',
    why: 'That a snapshot is stored is told in a later turn, never inside of the call.',
  },
  // store
  {
    key: 'server/storage/recovery.ts Scan.add: bound header.durableSequence <= this.durableSequence → header.durableSequence < this.durableSequence',
    why: 'Where they are equal, what would be left out is left out already.',
  },
  {
    key: 'server/storage/recovery.ts recover: swap throwIfDurableDamaged(scan); scan.throwIfForeign(); → scan.throwIfForeign(); throwIfDurableDamaged(scan);',
    why: 'Each throws CorruptLogError or does nothing: where both would, another one of the two damages is named.',
  },
  {
    key: 'server/storage/recovery.ts recover: bound sequence <= scan.durableSequence → sequence < scan.durableSequence',
    why: 'The record of write D is in the chain, or recovery has thrown.',
  },
  {
    key: 'server/storage/promisedSlot.ts encodeSlotHeader: swap header.set(MAGIC, MAGIC_AT); header[VERSION_AT] = SLOT_VERSION; → header[VERSION_AT] = SLOT_VERSION; header.set(MAGIC, MAGIC_AT);',
    why: 'Two places of one header.',
  },
  {
    key: 'server/storage/promisedSlot.ts decodeSlot: swap records.push(record); at = end; → at = end; records.push(record);',
    why: 'Neither is made from what the other sets.',
  },
  {
    key: 'server/storage/dataDirectory.ts nameAside: bound attempt <= ASIDE_NAMES_MAX → attempt < ASIDE_NAMES_MAX',
    why: 'One name less of a thousand is tried.',
  },
  {
    key: 'server/storage/termRuns.ts TermRuns.at: off by one this.firsts.length - 1 → this.firsts.length',
    why: 'Beyond the last run there is none, which compares as greater than any index: the search goes on below it.',
  },
  {
    key: 'server/storage/termRuns.ts TermRuns.at: negate high >= 0 → high < 0',
    why: 'A short way for the last run, which the search finds as well.',
  },
  {
    key: 'server/storage/levelDisk.ts innermost: half at instanceof Error && at.cause !== undefined → at.cause !== undefined',
    why: 'What is thrown there are errors, and their last cause has no cause.',
  },
  {
    key: 'server/storage/level/table.ts blockEntries: swap next.set(block.subarray(reader.pos, keyEnd), shared); key = next; → key = next; next.set(block.subarray(reader.pos, keyEnd), shared);',
    why: 'The same bytes under two names.',
  },
  {
    key: "server/storage/promisedDisk.ts PromisedDisk.write: drop if (this.state === 'settled') { this.writeBoth(operations, sync, done); return; }",
    why: 'Where it is settled, who waits for that is called at once.',
  },
  {
    key: 'server/storage/promisedSlot.ts decodeSlot: half length < FIELDS_AT || length > bytes.length → length < FIELDS_AT',
    why: 'Of what ends too early the checksum is another one.',
  },
  {
    key: 'server/storage/chunkIndex.ts ChunkIndex.makeRoom: swap firsts.set(this.firsts.subarray(this.start, this.end)); sequences.set(this.sequences.subarray(this.start, this.end)); → sequences.set(this.sequences.subarray(this.start, this.end)); firsts.set(this.firsts.subarray(this.start, this.end));',
    why: 'Two copies of two arrays.',
  },
  {
    key: 'server/storage/chunkedLogStore.ts ChunkedLogStore.install: swap this.discardFrom(this.baseIndex + 1, snapshot.index + 1); this.terms.clear(); → this.terms.clear(); this.discardFrom(this.baseIndex + 1, snapshot.index + 1);',
    why: 'Chunks and what was not written on the one side, terms on the other: neither looks at the other.',
  },
  {
    key: 'server/storage/chunkedLogStore.ts ChunkedLogStore.truncate: half i >= 0 && this.marks[i]!.lastIndex >= index → i >= 0',
    why: 'An earlier mark then counts as durable together with the next one instead of before it: later, never sooner.',
  },
  {
    key: 'server/storage/chunkedLogStore.ts ChunkedLogStore.compact: drop this.terms.dropUpTo(base);',
    why: 'Keeps two numbers a term in memory that nobody can ask for: term() looks at the base first.',
  },
];
