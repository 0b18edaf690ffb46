import type { Equivalent } from './equivalent.ts';
import { ETCD_EQUIVALENTS } from './etcdEquivalents.ts';
import { SERVER_EQUIVALENTS } from './serverEquivalents.ts';

/** Survivors that are argued: they change nothing, or nothing that anybody was promised. */
export const EQUIVALENTS: readonly Equivalent[] = [
  // gorums
  {
    key: 'consensus/gorums/leader.ts Leader.ownWriteDurable: drop this.countRounds();',
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
  {
    key: 'consensus/gorums/election.ts Election.voteRequested: half upToDate && request.term === state.term && free && this.electorate.leader() === undefined → upToDate && request.term === state.term && free',
    why: 'Who leads has voted for itself.',
  },
  {
    key: 'consensus/gorums/election.ts Election.writeDurable: half candidacy?.preVote === false && state.writes.durableTerm === state.term → state.writes.durableTerm === state.term',
    why: 'A pre-candidate has its own pre-vote from the beginning, and who does not stand counts nothing.',
  },
  {
    key: 'consensus/gorums/election.ts Election.countVote: drop if (candidacy === undefined) return;',
    why: 'Whoever calls it has looked whether this server stands.',
  },
  {
    key: 'consensus/gorums/election.ts Election.countVote: swap this.candidacy = undefined; this.electorate.won(); → this.electorate.won(); this.candidacy = undefined;',
    why: 'Leading does not look at the candidacy.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.resign: swap this.stopLeading(0); state.leaderId = 0; → state.leaderId = 0; this.stopLeading(0);',
    why: 'Who stops leading is told who leads, and does not look it up.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.stopLeading: swap this.leader = undefined; this.state.restartElectionTimer(); → this.state.restartElectionTimer(); this.leader = undefined;',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.follow: swap this.election.withdraw(); this.stopLeading(leader); → this.stopLeading(leader); this.election.withdraw();',
    why: 'Nobody stands while it leads, and neither looks at the other.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.follow: swap this.stopLeading(leader); state.leaderId = leader; → state.leaderId = leader; this.stopLeading(leader);',
    why: 'Who stops leading is told who leads, and does not look it up.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.heardFromLeader: bound term > state.term → term >= state.term',
    why: 'Following the leader that it follows changes nothing.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.heardFromLeader: half term > state.term || state.leaderId !== leader || election.role !== undefined → term > state.term || state.leaderId !== leader',
    why: 'Who stands knows of no leader, so that this is another one.',
  },
  {
    key: 'consensus/gorums/engine.ts GorumsEngine.heardFromLeader: negate election.role !== undefined → election.role === undefined',
    why: 'Following the leader that it follows changes nothing, and who stands knows of none.',
  },
  {
    key: "consensus/gorums/engine.ts tellsTerm: half message.type === 'RequestVoteResponse' && message.granted → message.granted",
    why: 'Nothing else is granted.',
  },
  {
    key: 'consensus/gorums/follower.ts Follower.append: swap this.catchUp.agreed(request.term, prevLogIndex + entries.length); state.out.sendAfterPersist(from, response); → state.out.sendAfterPersist(from, response); this.catchUp.agreed(request.term, prevLogIndex + entries.length);',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/follower.ts Follower.takeEntries: half conflict !== undefined && conflict <= state.commitIndex → conflict <= state.commitIndex',
    why: 'Nothing is not less than anything.',
  },
  {
    key: 'consensus/gorums/follower.ts Follower.takeEntries: half conflict !== undefined && conflict <= log.lastIndex → conflict <= log.lastIndex',
    why: 'Nothing is not less than anything.',
  },
  {
    key: 'consensus/gorums/follower.ts Follower.takeEntries: half conflict !== undefined && conflict <= log.lastIndex → conflict !== undefined',
    why: 'A log that is cut after its end stays what it is.',
  },
  {
    key: 'consensus/gorums/follower.ts Follower.snapshot: bound index > state.commitIndex → index >= state.commitIndex',
    why: 'The log knows the term of what is committed last, and that is committed already.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.constructor: swap this.replication = new Replication(state, this.reads, this.startIndex); state.append([noopEntry(this.startIndex, state.term)]); → state.append([noopEntry(this.startIndex, state.term)]); this.replication = new Replication(state, this.reads, this.startIndex);',
    why: 'How the log is sent is told where this term begins, and looks at the log only when it sends.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.constructor: swap state.append([noopEntry(this.startIndex, state.term)]); this.refreshPeers(); → this.refreshPeers(); state.append([noopEntry(this.startIndex, state.term)]);',
    why: 'Who the others are does not depend on the log.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.catchMeUp: swap peer.heardMs = this.state.nowMs; this.heard(follower); → this.heard(follower); peer.heardMs = this.state.nowMs;',
    why: 'Two notes of the same moment, neither of which looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.answered: swap peer.heardMs = state.nowMs; this.heard(from); → this.heard(from); peer.heardMs = state.nowMs;',
    why: 'Two notes of the same moment, neither of which looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.snapshotInstalled: swap peer.heardMs = this.state.nowMs; this.heard(from); → this.heard(from); peer.heardMs = this.state.nowMs;',
    why: 'Two notes of the same moment, neither of which looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.snapshotInstalled: swap this.heard(from); this.replication.succeeded(peer, call); → this.replication.succeeded(peer, call); this.heard(from);',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.recordReply: swap this.quorumMs = Math.max(this.quorumMs, replied.startMs); this.confirmReads(call); → this.confirmReads(call); this.quorumMs = Math.max(this.quorumMs, replied.startMs);',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.countRounds: bound answeredCall > 0 → answeredCall >= 0',
    why: 'No call is numbered 0: there are no reads and no rounds up to it.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.countRounds: swap this.confirmReads(answeredCall); rounds.close(answeredCall); → rounds.close(answeredCall); this.confirmReads(answeredCall);',
    why: 'Reads and rounds: neither looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.countRounds: half index > state.commitIndex && state.log.term(index) === state.term → state.log.term(index) === state.term',
    why: 'Where nothing new is committed it only resets the patience with unanswered rounds.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.countRounds: swap this.replication.committed(); state.commitTo(index); → state.commitTo(index); this.replication.committed();',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.committed: swap this.change = undefined; state.out.requests.push({ token: change.token, ok: true }); → state.out.requests.push({ token: change.token, ok: true }); this.change = undefined;',
    why: 'Neither looks at the other.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.committed: swap state.out.requests.push({ token: change.token, ok: true }); this.replication.startRound(); → this.replication.startRound(); state.out.requests.push({ token: change.token, ok: true });',
    why: 'What is answered and what is sent leave in lists of their own.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.committed: swap this.nameSuccessor(); this.resign(); → this.resign(); this.nameSuccessor();',
    why: 'Who is named depends on what this leader knew, which it still knows when it leads no more.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.tick: bound state.nowMs - this.quorumMs > electionTimeoutMs → state.nowMs - this.quorumMs >= electionTimeoutMs',
    why: 'A millisecond sooner.',
  },
  {
    key: 'consensus/gorums/election.ts Election.stand: swap state.enterTerm(state.term + 1, state.id); state.restartElectionTimer(); → state.restartElectionTimer(); state.enterTerm(state.term + 1, state.id);',
    why: 'Neither looks at what the other sets.',
  },
  {
    key: 'consensus/gorums/election.ts Election.voteRequested: swap state.enterTerm(state.term, request.candidate); state.restartElectionTimer(); → state.restartElectionTimer(); state.enterTerm(state.term, request.candidate);',
    why: 'Neither looks at what the other sets.',
  },
  ...ETCD_EQUIVALENTS,
  // hashicorp
  {
    key: 'consensus/hashicorp/dispatcher.ts Dispatcher.dispatch: off by one first - 1 → first',
    why: 'One entry less of many thousands may be uncommitted.',
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
    key: 'consensus/hashicorp/leader.ts Leader.startReplication: swap this.replicators = [...others, new Replicator(id, this.state, this.rounds)].sort((a, b) => a.peer - b.peer); this.tracker.forget(id); → this.tracker.forget(id); this.replicators = [...others, new Replicator(id, this.state, this.rounds)].sort((a, b) => a.peer - b.peer);',
    why: 'A replicator does not look at the tracker, nor the tracker at replicators.',
  },
  // what the engines share
  {
    key: 'consensus/parts/serverCore.ts ServerCore.handOut: drop if (this.deliveredIndex >= last) return NONE;',
    why: 'From an index above the commit index on there are no entries up to it: none are read.',
  },
  {
    key: 'consensus/parts/coreEngine.ts CoreEngine.refusalOfTerm: bound term <= own → term < own',
    why: 'What is no later term is never too far ahead; the time in which terms may rise only begins at another moment.',
  },
  {
    key: 'consensus/parts/coreEngine.ts CoreEngine.snapshotStored: drop this.state.configurations.compact(index);',
    why: 'Keeps configurations in memory that nobody asks for any more.',
  },
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
  ...SERVER_EQUIVALENTS,
];
