import { argued, type Equivalent } from './equivalent.ts';

/** What survives in the engine hashicorp and is no mistake. */
export const HASHICORP_EQUIVALENTS: readonly Equivalent[] = [
  {
    key: 'consensus/hashicorp/leader.ts Leader.startReplication: swap this.replicators = [...others, new Replicator(id, this.state, this.rounds)].sort((a, b) => a.peer - b.peer); this.tracker.forget(id); → this.tracker.forget(id); this.replicators = [...others, new Replicator(id, this.state, this.rounds)].sort((a, b) => a.peer - b.peer);',
    why: 'A replicator does not look at the tracker, nor the tracker at replicators.',
  },
  ...argued(
    'The same is counted once more, or assigned to itself.',
    'consensus/hashicorp/commitment.ts CommitmentTracker.match: drop if (this.matches.get(id) === index) return;',
    'consensus/hashicorp/commitment.ts CommitmentTracker.count: bound reached > this.committed → reached >= this.committed',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/election.ts Election.timedOut: swap state.restartElectionTimer(); state.leaderId = 0; → state.leaderId = 0; state.restartElectionTimer();',
    'consensus/hashicorp/election.ts Election.timedOut: swap state.leaderId = 0; this.withdraw(); → this.withdraw(); state.leaderId = 0;',
    'consensus/hashicorp/election.ts Election.campaign: swap state.leaderId = 0; state.enterTerm(state.term + 1, state.id); → state.enterTerm(state.term + 1, state.id); state.leaderId = 0;',
    'consensus/hashicorp/election.ts Election.campaign: swap state.enterTerm(state.term + 1, state.id); state.restartElectionTimer(); → state.restartElectionTimer(); state.enterTerm(state.term + 1, state.id);',
    'consensus/hashicorp/election.ts Election.campaign: swap state.restartElectionTimer(); this.candidacy = { preVote: false, votes: new Map() }; → this.candidacy = { preVote: false, votes: new Map() }; state.restartElectionTimer();',
    'consensus/hashicorp/election.ts Election.voteRequested: swap this.withdraw(); state.vote = from; → state.vote = from; this.withdraw();',
    'consensus/hashicorp/election.ts Election.voteRequested: swap state.vote = from; state.restartElectionTimer(); → state.restartElectionTimer(); state.vote = from;',
    "consensus/hashicorp/election.ts Election.voteRequested: swap state.restartElectionTimer(); state.out.sendAfterPersist(from, { type: 'vote-reply', term, preVote, granted: true }); → state.out.sendAfterPersist(from, { type: 'vote-reply', term, preVote, granted: true }); state.restartElectionTimer();",
    'consensus/hashicorp/election.ts Election.countVotes: swap this.candidacy = undefined; this.electorate.won(); → this.electorate.won(); this.candidacy = undefined;',
  ),
  ...argued(
    'Only who votes alone wins at once, and has nobody to ask.',
    'consensus/hashicorp/election.ts Election.timedOut: swap this.requestVotes(state.term + 1, false); this.countVotes(); → this.countVotes(); this.requestVotes(state.term + 1, false);',
  ),
  ...argued(
    'Whoever calls it has looked whether this server stands.',
    'consensus/hashicorp/election.ts Election.countVotes: drop if (candidacy === undefined) return;',
  ),
  ...argued(
    'Who leads acknowledges nothing.',
    'consensus/hashicorp/engine.ts HashicorpEngine.flush: swap this.leader?.pump(); this.follower.flush(); → this.follower.flush(); this.leader?.pump();',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/engine.ts HashicorpEngine.follow: swap this.leader = undefined; election.withdraw(); → election.withdraw(); this.leader = undefined;',
    'consensus/hashicorp/engine.ts HashicorpEngine.follow: swap election.withdraw(); former?.stop(leader); → former?.stop(leader); election.withdraw();',
    'consensus/hashicorp/engine.ts HashicorpEngine.follow: swap former?.stop(leader); state.handover.ledBy(leader); → state.handover.ledBy(leader); former?.stop(leader);',
  ),
  ...argued(
    'Who leads knows itself as the leader, and nobody speaks in its name.',
    'consensus/hashicorp/engine.ts HashicorpEngine.fromLeader: half this.leader !== undefined || (state.leaderId !== 0 && state.leaderId !== from) → state.leaderId !== 0 && state.leaderId !== from',
  ),
  ...argued(
    'Following the leader that it follows changes nothing.',
    'consensus/hashicorp/engine.ts HashicorpEngine.fromLeader: bound message.term > state.term → message.term >= state.term',
  ),
  ...argued(
    'The handover is told who leads, and does not look it up; nor does a leader that begins look at the handover.',
    'consensus/hashicorp/engine.ts HashicorpEngine.lead: swap state.leaderId = state.id; state.handover.ledBy(state.id); → state.handover.ledBy(state.id); state.leaderId = state.id;',
    'consensus/hashicorp/engine.ts HashicorpEngine.lead: swap state.handover.ledBy(state.id); this.leader = new Leader(state, () => this.follow(state.term, 0)); → this.leader = new Leader(state, () => this.follow(state.term, 0)); state.handover.ledBy(state.id);',
  ),
  ...argued(
    'A transfer is given up after an election timeout, before this server leads again by waiting for one.',
    'consensus/hashicorp/engine.ts HashicorpEngine.lead: drop state.handover.ledBy(state.id);',
  ),
  ...argued(
    'Nothing else is granted.',
    "consensus/hashicorp/engine.ts tellsTerm: half message.type === 'vote-reply' && message.granted → message.granted",
  ),
  ...argued(
    'There is one leader a term at the most.',
    'consensus/hashicorp/follower.ts FollowerLog.acknowledge: half earlier !== undefined && earlier.to === to → earlier !== undefined',
  ),
  ...argued(
    'A short way for what the search finds as well.',
    'consensus/hashicorp/follower.ts FollowerLog.firstFresh: drop if (request.prevIndex === log.lastIndex) return 0;',
    'consensus/hashicorp/follower.ts FollowerLog.firstFresh: drop if (index > log.lastIndex) return i;',
  ),
  ...argued(
    'Only a leader that contradicts what is committed is answered so, and a leader goes back by one entry at least.',
    'consensus/hashicorp/follower.ts FollowerLog.mayMatch: off by one prevIndex - 1 → prevIndex',
    'consensus/hashicorp/follower.ts FollowerLog.mayMatch: off by one prevIndex - 1 → prevIndex (2)',
  ),
  ...argued(
    'What comes out is not below the commit index, by the last line.',
    'consensus/hashicorp/follower.ts FollowerLog.mayMatch: half index > commitIndex && log.term(index) === conflicting → log.term(index) === conflicting',
    'consensus/hashicorp/follower.ts FollowerLog.mayMatch: bound index > commitIndex → index >= commitIndex',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: swap this.beganMs.push(nowMs); this.lastRound++; → this.lastRound++; this.beganMs.push(nowMs);',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: swap this.beganMs.splice(0, stale); this.firstKept += stale; → this.firstKept += stale; this.beganMs.splice(0, stale);',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.grace: swap this.answeredRound.delete(id); this.contactMs.set(id, nowMs); → this.contactMs.set(id, nowMs); this.answeredRound.delete(id);',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.forget: swap this.answeredRound.delete(id); this.contactMs.delete(id); → this.contactMs.delete(id); this.answeredRound.delete(id);',
  ),
  ...argued(
    'Beyond the last there is nothing, which is not less than anything.',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: half stale < this.beganMs.length && this.beganMs[stale]! < forgetBeforeMs → this.beganMs[stale]! < forgetBeforeMs',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: bound stale < this.beganMs.length → stale <= this.beganMs.length',
  ),
  ...argued(
    'A round as old as a lease renews none.',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: bound this.beganMs[stale]! < forgetBeforeMs → this.beganMs[stale]! <= forgetBeforeMs',
  ),
  ...argued(
    'Nothing is cut off then.',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.begin: bound stale > 0 → stale >= 0',
  ),
  ...argued(
    'The same is noted again.',
    'consensus/hashicorp/heartbeatRounds.ts HeartbeatRounds.answered: bound round <= (this.answeredRound.get(id) ?? 0) → round < (this.answeredRound.get(id) ?? 0)',
  ),
  ...argued(
    'What is not set is due as well.',
    'consensus/hashicorp/leader.ts Leader.constructor: drop this.heartbeatDueMs = state.nowMs;',
  ),
  ...argued(
    'What it held before its term commits nothing (Raft §5.4.2), and what it adds is counted when it is durable.',
    'consensus/hashicorp/leader.ts Leader.constructor: drop this.tracker.match(state.id, state.writes.durableIndex);',
  ),
  ...argued(
    'A heartbeat carries nothing of the log.',
    'consensus/hashicorp/leader.ts Leader.constructor: swap state.append([noopEntry(this.startIndex, state.term)]); this.heartbeatIfDue(); → this.heartbeatIfDue(); state.append([noopEntry(this.startIndex, state.term)]);',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/leader.ts Leader.tick: swap this.queue.expire(state.nowMs - state.limits.enqueueTimeoutMs, RejectReason.Timeout, state.id); this.endFarewells(); → this.endFarewells(); this.queue.expire(state.nowMs - state.limits.enqueueTimeoutMs, RejectReason.Timeout, state.id);',
    'consensus/hashicorp/leader.ts Leader.woke: swap this.leaseGraceUntilMs = nowMs + graceMs; this.audience.woke(nowMs); → this.audience.woke(nowMs); this.leaseGraceUntilMs = nowMs + graceMs;',
    'consensus/hashicorp/leader.ts Leader.heartbeatIfDue: swap this.heartbeatDueMs = state.nowMs + state.settings.heartbeatMs; this.beginRound(); → this.beginRound(); this.heartbeatDueMs = state.nowMs + state.settings.heartbeatMs;',
    'consensus/hashicorp/leader.ts Leader.unstage: swap this.replicators = this.replicators.filter((one) => one.peer !== id); this.tracker.forget(id); → this.tracker.forget(id); this.replicators = this.replicators.filter((one) => one.peer !== id);',
    'consensus/hashicorp/leader.ts Leader.unstage: swap this.tracker.forget(id); this.rounds.forget(id); → this.rounds.forget(id); this.tracker.forget(id);',
    'consensus/hashicorp/leader.ts Leader.appendChange: swap state.append([new Entry(index, state.term, EntryType.Reconf, data)]); state.requests.add({ token, index, term: state.term }); → state.requests.add({ token, index, term: state.term }); state.append([new Entry(index, state.term, EntryType.Reconf, data)]);',
    'consensus/hashicorp/leader.ts Leader.appendChange: swap state.requests.add({ token, index, term: state.term }); this.followConfiguration(index); → this.followConfiguration(index); state.requests.add({ token, index, term: state.term });',
    'consensus/hashicorp/leader.ts Leader.startReplication: swap this.tracker.forget(id); this.rounds.grace(id, this.state.nowMs); → this.rounds.grace(id, this.state.nowMs); this.tracker.forget(id);',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: swap this.farewells.set(peer, { index, deadlineMs: state.nowMs + state.limits.farewellMs }); this.tracker.forget(peer); → this.tracker.forget(peer); this.farewells.set(peer, { index, deadlineMs: state.nowMs + state.limits.farewellMs });',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: swap this.tracker.forget(peer); this.rounds.forget(peer); → this.rounds.forget(peer); this.tracker.forget(peer);',
    'consensus/hashicorp/leader.ts Leader.endFarewells: swap this.farewells.delete(id); this.rounds.forget(id); → this.rounds.forget(id); this.farewells.delete(id);',
    'consensus/hashicorp/leader.ts Leader.endFarewells: swap this.rounds.forget(id); this.replicators = this.replicators.filter((one) => one.peer !== id); → this.replicators = this.replicators.filter((one) => one.peer !== id); this.rounds.forget(id);',
  ),
  ...argued(
    'A millisecond later.',
    'consensus/hashicorp/leader.ts Leader.leaseExpired: bound nowMs < this.leaseGraceUntilMs → nowMs <= this.leaseGraceUntilMs',
    'consensus/hashicorp/leader.ts Leader.endFarewells: bound this.state.nowMs < deadlineMs → this.state.nowMs <= deadlineMs',
  ),
  ...argued(
    'Who returns is forgotten when replication to it begins, and who does not vote is not counted.',
    'consensus/hashicorp/leader.ts Leader.unstage: drop this.tracker.forget(id);',
    'consensus/hashicorp/leader.ts Leader.unstage: drop this.rounds.forget(id);',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: drop this.tracker.forget(peer);',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: drop this.rounds.forget(peer);',
    'consensus/hashicorp/leader.ts Leader.matched: drop if (this.farewells.has(replicator.peer)) return;',
  ),
  ...argued(
    'It was forgotten when it left.',
    'consensus/hashicorp/leader.ts Leader.startReplication: drop this.tracker.forget(id);',
  ),
  ...argued(
    'Its own write of the change is counted when it is durable, and that commits what the new configuration holds.',
    'consensus/hashicorp/leader.ts Leader.appendChange: swap this.followConfiguration(index); this.commit(); → this.commit(); this.followConfiguration(index);',
    'consensus/hashicorp/leader.ts Leader.appendChange: drop this.commit();',
  ),
  ...argued(
    'Who answers appends and chunks answers heartbeats as well, and these are heard.',
    'consensus/hashicorp/leader.ts Leader.appendReplied: drop this.heard(from);',
    'consensus/hashicorp/leader.ts Leader.snapshotReplied: drop this.heard(from);',
  ),
  ...argued(
    'What a snapshot holds is committed: that somebody holds it commits nothing.',
    'consensus/hashicorp/leader.ts Leader.snapshotReplied: drop this.matched(replicator);',
    'consensus/hashicorp/leader.ts Leader.snapshotReplied: negate replicator?.snapshotReplied(reply) → !(replicator?.snapshotReplied(reply))',
  ),
  ...argued(
    'Every turn releases the reads that are proven.',
    'consensus/hashicorp/leader.ts Leader.heartbeatReplied: drop this.releaseReads();',
    'consensus/hashicorp/leader.ts Leader.commit: drop this.releaseReads();',
    'consensus/hashicorp/leader.ts Leader.commit: negate state.commitIndex < this.startIndex → state.commitIndex >= this.startIndex',
    'consensus/hashicorp/leader.ts Leader.commit: bound state.commitIndex < this.startIndex → state.commitIndex <= this.startIndex',
    'consensus/hashicorp/leader.ts Leader.commit: negate isFirst → !(isFirst)',
  ),
  ...argued(
    'Only spares the work where no reads wait.',
    'consensus/hashicorp/leader.ts Leader.releaseReads: half this.reads.isEmpty || state.commitIndex < this.startIndex → state.commitIndex < this.startIndex',
  ),
  ...argued(
    'Where nothing more is committed nothing is left to do: what follows was done when it was.',
    'consensus/hashicorp/leader.ts Leader.commit: drop if (tracker.commitIndex <= state.commitIndex) return;',
    'consensus/hashicorp/leader.ts Leader.commit: bound tracker.commitIndex <= state.commitIndex → tracker.commitIndex < state.commitIndex',
  ),
  ...argued(
    'Who is named depends on what this leader knew, which it still knows when it leads no more.',
    'consensus/hashicorp/leader.ts Leader.leave: swap this.nameSuccessor(); this.stepDown(); → this.stepDown(); this.nameSuccessor();',
  ),
  ...argued(
    'Who was removed before is told of it a little longer.',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: half present.includes(peer) || this.farewells.has(peer) → present.includes(peer)',
  ),
  ...argued(
    'What stays is a note about somebody who is not replicated to, and goes when it returns.',
    'consensus/hashicorp/leader.ts Leader.endFarewells: drop this.farewells.delete(id);',
    'consensus/hashicorp/leader.ts Leader.endFarewells: drop this.rounds.forget(id);',
  ),
  ...argued(
    'Who is told of its removal is replicated to.',
    'consensus/hashicorp/leader.ts Leader.endFarewells: half replicator !== undefined && !replicator.knows(index) → !replicator.knows(index)',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/reads.ts ReadQueue.roundBegan: swap this.lastBeganMs = nowMs; this.rounds.push({ round, reads: this.waiting }); → this.rounds.push({ round, reads: this.waiting }); this.lastBeganMs = nowMs;',
  ),
  ...argued(
    'Nothing is taken off then.',
    'consensus/hashicorp/reads.ts ReadQueue.verified: drop if (done === 0) return [];',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/replication.ts Replicator.pump: swap this.burst--; this.sendAppend(); → this.sendAppend(); this.burst--;',
    'consensus/hashicorp/replication.ts Replicator.failed: swap this.probeFrom(this.inflight[0]!.prevIndex + 1); this.backOff(); → this.backOff(); this.probeFrom(this.inflight[0]!.prevIndex + 1);',
    'consensus/hashicorp/replication.ts Replicator.sendAppend: swap this.inflight.push({ seq: this.seq, prevIndex, lastIndex, bytes, commit: commitIndex, sentMs: nowMs, round }); this.inflightBytes += bytes; → this.inflightBytes += bytes; this.inflight.push({ seq: this.seq, prevIndex, lastIndex, bytes, commit: commitIndex, sentMs: nowMs, round });',
    'consensus/hashicorp/replication.ts Replicator.beginSnapshot: swap this.fallBehind(); this.pumpSnapshot(); → this.pumpSnapshot(); this.fallBehind();',
  ),
  ...argued(
    'Without a failure nothing is waited for.',
    'consensus/hashicorp/replication.ts Replicator.heartbeatAnswered: half wasSilent && this.failures > 0 → wasSilent',
    'consensus/hashicorp/replication.ts Replicator.heartbeatAnswered: bound this.failures > 0 → this.failures >= 0',
  ),
  ...argued(
    'Nothing is under way while it waits.',
    'consensus/hashicorp/replication.ts Replicator.appendAccepted: drop this.retryAtMs = 0;',
  ),
  ...argued(
    'Who is sent a snapshot lacks entries.',
    "consensus/hashicorp/replication.ts Replicator.commitIsNews: half this.mode === 'pipeline' && this.next > log.lastIndex → this.next > log.lastIndex",
  ),
  ...argued(
    'Two ways to say that the entry before is compacted; the second is for the types.',
    'consensus/hashicorp/replication.ts Replicator.sendAppend: half prevTerm === undefined || this.next < log.firstIndex → prevTerm === undefined',
    'consensus/hashicorp/replication.ts Replicator.sendAppend: half prevTerm === undefined || this.next < log.firstIndex → this.next < log.firstIndex',
  ),
  ...argued(
    'There are no entries up to the one before.',
    'consensus/hashicorp/replication.ts Replicator.sendAppend: bound upTo > prevIndex → upTo >= prevIndex',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/hashicorp/replication.ts Replicator.appendAccepted: swap this.inflight.splice(0, done); this.progressMs = this.leader.nowMs; → this.progressMs = this.leader.nowMs; this.inflight.splice(0, done);',
    'consensus/hashicorp/state.ts ServerState.install: swap super.install(snapshot); this.requests.forgetUpTo(snapshot.index); → this.requests.forgetUpTo(snapshot.index); super.install(snapshot);',
    'consensus/hashicorp/state.ts ServerState.commitTo: swap this.commitIndex = index; this.requests.commit(index, this.log, this.leaderId); → this.requests.commit(index, this.log, this.leaderId); this.commitIndex = index;',
  ),
  ...argued(
    'It goes on after what is held in any case.',
    'consensus/hashicorp/replication.ts Replicator.heartbeatAnswered: off by one lastIndex + 1 → lastIndex',
  ),
  ...argued(
    'Whoever asks has looked whether anything is under way.',
    'consensus/hashicorp/replication.ts Replicator.mayBeLost: drop if (oldest === undefined) return false;',
    'consensus/hashicorp/replication.ts Replicator.mayBeLost: flip false → true',
  ),
  ...argued(
    'Nothing is assigned once more.',
    'consensus/hashicorp/replication.ts Replicator.matched: half this.behindUntil > 0 && index >= this.behindUntil → index >= this.behindUntil',
    'consensus/hashicorp/replication.ts Replicator.matched: bound this.behindUntil > 0 → this.behindUntil >= 0',
  ),
  ...argued(
    'A log that lacks its beginning has a snapshot.',
    'consensus/hashicorp/replication.ts Replicator.beginSnapshot: half snapshot === undefined || snapshot.index < this.next - 1 → snapshot.index < this.next - 1',
  ),
  ...argued(
    'Nothing is answered, or is committed once more.',
    'consensus/hashicorp/requests.ts Requests.commit: drop if (this.waiting.length === 0) return;',
    'consensus/hashicorp/state.ts ServerState.commitTo: bound index <= this.commitIndex → index < this.commitIndex',
  ),
  ...argued(
    'Who comes was staged, which ends its farewell.',
    'consensus/hashicorp/leader.ts Leader.followConfiguration: half this.replicator(id) === undefined || this.farewells.has(id) → this.replicator(id) === undefined',
  ),
];
