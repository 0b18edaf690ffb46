import { BYTE_MAP_EQUIVALENTS } from './byteMapEquivalents.ts';
import { argued, type Equivalent } from './equivalent.ts';
import { ETCD_EQUIVALENTS } from './etcdEquivalents.ts';
import { HASHICORP_EQUIVALENTS } from './hashicorpEquivalents.ts';
import { SERVER_EQUIVALENTS } from './serverEquivalents.ts';
import { STORE_EQUIVALENTS } from './storeEquivalents.ts';

/** Survivors that are argued: they change nothing, or nothing that anybody was promised. */
export const EQUIVALENTS: readonly Equivalent[] = [
  // gorums
  {
    key: 'consensus/gorums/leader.ts Leader.ownWriteDurable: drop this.countRounds();',
    why: 'Every drain counts the rounds again (Leader.pump), and a drain follows every input.',
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
    key: 'consensus/gorums/leader.ts Leader.constructor: swap this.replication = new Replication(state, this.reads, this.startIndex); state.append([noopEntry(this.startIndex, state.term)]); → state.append([noopEntry(this.startIndex, state.term)]); this.replication = new Replication(state, this.reads, this.startIndex);',
    why: 'How the log is sent is told where this term begins, and looks at the log only when it sends.',
  },
  {
    key: 'consensus/gorums/leader.ts Leader.constructor: swap state.append([noopEntry(this.startIndex, state.term)]); this.refreshPeers(); → this.refreshPeers(); state.append([noopEntry(this.startIndex, state.term)]);',
    why: 'Who the others are does not depend on the log.',
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
  ...argued(
    'What is cut off has no term, which is not that of the entry.',
    'consensus/gorums/catchUp.ts CatchUp.noticeConflict: half conflict === undefined || conflict.term !== term || conflict.index > log.lastIndex → conflict === undefined || conflict.term !== term',
  ),
  ...argued(
    'The handover is told who leads, and does not look it up; nor does a leader that begins look at the handover.',
    'consensus/gorums/engine.ts GorumsEngine.lead: swap state.leaderId = state.id; state.handover.ledBy(state.id); → state.handover.ledBy(state.id); state.leaderId = state.id;',
    'consensus/gorums/engine.ts GorumsEngine.lead: swap state.handover.ledBy(state.id); this.leader = new Leader(state, () => this.resign()); → this.leader = new Leader(state, () => this.resign()); state.handover.ledBy(state.id);',
    'consensus/gorums/engine.ts GorumsEngine.follow: swap state.leaderId = leader; state.handover.ledBy(leader); → state.handover.ledBy(leader); state.leaderId = leader;',
  ),
  ...argued(
    'A transfer is given up after an election timeout, before this server leads again by waiting for one.',
    'consensus/gorums/engine.ts GorumsEngine.lead: drop state.handover.ledBy(state.id);',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/gorums/engine.ts GorumsEngine.stopLeading: swap this.state.restartElectionTimer(); former.stop(leader); → former.stop(leader); this.state.restartElectionTimer();',
  ),
  ...argued(
    'Who holds the round has answered it: the answers of a quorum have confirmed its reads. Where the configuration became smaller meanwhile the next round does.',
    'consensus/gorums/leader.ts Leader.countRounds: drop this.confirmReads(answeredCall);',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/gorums/leader.ts Leader.tick: swap this.countAudience(); this.replication.tick(); → this.replication.tick(); this.countAudience();',
    'consensus/gorums/leader.ts Leader.pump: swap this.handOver(); this.ask(); → this.ask(); this.handOver();',
    'consensus/gorums/leader.ts Leader.pump: swap this.quorumMs = this.state.nowMs; this.confirmReads(Number.POSITIVE_INFINITY); → this.confirmReads(Number.POSITIVE_INFINITY); this.quorumMs = this.state.nowMs;',
    'consensus/gorums/leader.ts Leader.appendChange: swap this.change = { token, index }; state.append([new Entry(index, state.term, EntryType.Reconf, encodeChange(change))]); → state.append([new Entry(index, state.term, EntryType.Reconf, encodeChange(change))]); this.change = { token, index };',
  ),
  ...argued(
    'The target of a transfer is told by the next turn.',
    'consensus/gorums/leader.ts Leader.pump: swap this.preparations.advance(); this.handOver(); → this.handOver(); this.preparations.advance();',
  ),
  ...argued(
    'The leader answers the round that carries them as well, once its own log is on disk.',
    'consensus/gorums/leader.ts Leader.pump: drop this.confirmReads(Number.POSITIVE_INFINITY);',
  ),
  ...argued(
    'Who is added is a peer since it was staged, and who is removed is one until that is committed.',
    'consensus/gorums/leader.ts Leader.appendChange: drop this.refreshPeers();',
  ),
  ...argued('Nothing is taken off then.', 'consensus/gorums/reads.ts Reads.confirm: drop if (done === 0) return NONE;'),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/gorums/replication.ts Replication.refreshPeers: swap ids.delete(0); ids.delete(state.id); → ids.delete(state.id); ids.delete(0);',
    'consensus/gorums/replication.ts Replication.abandonRounds: swap this.abandonments++; this.rounds.abandon(); → this.rounds.abandon(); this.abandonments++;',
    'consensus/gorums/replication.ts Replication.abandonRounds: swap this.rounds.abandon(); this.reads.roundsAbandoned(); → this.reads.roundsAbandoned(); this.rounds.abandon();',
    'consensus/gorums/replication.ts Replication.abandonRounds: swap this.reads.roundsAbandoned(); this.nextIndex = Math.min(this.nextIndex, this.state.commitIndex + 1); → this.nextIndex = Math.min(this.nextIndex, this.state.commitIndex + 1); this.reads.roundsAbandoned();',
    'consensus/gorums/replication.ts Replication.sendEntries: swap peer.sent({ call, end, sentMs: state.nowMs, bytes, isCatchUp, overtakes }); state.out.send(peer.id, this.appendOf(call, prevLogIndex, prevLogTerm, entries)); → state.out.send(peer.id, this.appendOf(call, prevLogIndex, prevLogTerm, entries)); peer.sent({ call, end, sentMs: state.nowMs, bytes, isCatchUp, overtakes });',
  ),
  ...argued(
    'Who takes part in rounds is told so once more; and nothing is not at least anything.',
    "consensus/gorums/replication.ts Replication.succeeded: half index !== undefined && peer.state !== 'steady' && index >= this.nextIndex - 1 → index >= this.nextIndex - 1",
    "consensus/gorums/replication.ts Replication.succeeded: half index !== undefined && peer.state !== 'steady' → index !== undefined",
    "consensus/gorums/replication.ts Replication.succeeded: half index !== undefined && peer.state !== 'steady' → peer.state !== 'steady'",
  ),
  ...argued(
    'Without a round the difference is no number, which is not more than anything.',
    'consensus/gorums/replication.ts Replication.tick: half oldestStartMs !== undefined && this.state.nowMs - oldestStartMs > this.roundTimeoutMs → this.state.nowMs - oldestStartMs > this.roundTimeoutMs',
  ),
  ...argued(
    'A later round that is answered confirms the reads of those before it as well.',
    'consensus/gorums/replication.ts Replication.abandonRounds: drop this.reads.roundsAbandoned();',
  ),
  ...argued(
    'What goes from the same place in one round is the same entries or none, and who gets some lacks them.',
    'consensus/gorums/replication.ts Replication.appendOf: half lastAppend?.call === call && lastAppend.prevLogIndex === prevLogIndex && lastAppend.entries === entries → lastAppend?.call === call && lastAppend.prevLogIndex === prevLogIndex',
  ),
  ...argued(
    'The next turn makes it part of the rounds as well.',
    "consensus/gorums/replication.ts Replication.inject: drop peer.state = 'steady';",
    'consensus/gorums/replication.ts Replication.inject: bound peer.nextIndex >= this.nextIndex → peer.nextIndex > this.nextIndex',
  ),
  ...argued(
    'An empty round more.',
    'consensus/gorums/replication.ts Replication.bringUpToDate: bound this.state.commitIndex < this.nextIndex - 1 → this.state.commitIndex <= this.nextIndex - 1',
    'consensus/gorums/replication.ts Replication.bringUpToDate: off by one this.nextIndex - 1 → this.nextIndex',
  ),
  ...argued(
    'Who leads knows itself as the leader, and nobody speaks in its name.',
    'consensus/gorums/election.ts Election.toldToStand: half this.electorate.leader() !== undefined || term !== state.term → term !== state.term',
  ),
  ...argued(
    'Who is admitted has answered a round not long ago, and where this server is all the voters every answer counts as one of a quorum.',
    'consensus/gorums/leader.ts Leader.pump: drop this.quorumMs = this.state.nowMs;',
  ),
  ...argued(
    'The term before the first entry of a log is known, so that the entries go out, which looks at nothing of it.',
    'consensus/gorums/replication.ts Replication.sendCatchUp: swap peer.nextIndex = from + entries.length; this.sendEntries(peer, call, from - 1, entries, { isCatchUp: true }); → this.sendEntries(peer, call, from - 1, entries, { isCatchUp: true }); peer.nextIndex = from + entries.length;',
  ),
  ...argued(
    'A log that lacks its beginning has a snapshot.',
    "consensus/gorums/replication.ts Replication.sendSnapshot: drop if (snapshot === undefined) { peer.state = 'behind'; return; }",
    "consensus/gorums/replication.ts Replication.sendSnapshot: drop peer.state = 'behind';",
  ),
  ...argued(
    'Minus one and nothing are no more than what is known, and the entry of its term that a leader begins with is the least that a round ends with.',
    'consensus/gorums/rounds.ts Rounds.answer: drop if (answer < 0) continue;',
    'consensus/gorums/rounds.ts Rounds.answer: bound answer < 0 → answer <= 0',
  ),
  ...argued(
    'The same is assigned once more.',
    'consensus/gorums/state.ts ServerState.commitTo: bound index > this.commitIndex → index >= this.commitIndex',
  ),
  ...argued(
    'Each writes bytes of its own.',
    'consensus/gorums/unaryCodec.ts withSnapshot: swap bytes[at] = TAG_SNAPSHOT_DATA; SNAPSHOT_BODY.write(message, bytes, writeVarint(bytes, at + 1, size)); → SNAPSHOT_BODY.write(message, bytes, writeVarint(bytes, at + 1, size)); bytes[at] = TAG_SNAPSHOT_DATA;',
  ),
  ...argued(
    'That tag has wire type 7, which is refused as well.',
    'consensus/gorums/unaryCodec.ts readNumbers: bound tag > 0xffff_ffff → tag >= 0xffff_ffff',
  ),
  ...argued(
    'Numbers behind the last field are read by nobody, and skipping one reads it as well.',
    'consensus/gorums/unaryCodec.ts readNumbers: half (tag & 7) === 0 && tag <= count << 3 → (tag & 7) === 0',
  ),
  ...argued(
    'Only where a snapshot is read, its body is looked at.',
    "consensus/gorums/unaryCodec.ts readRequest: half method === 'InstallSnapshot' && tag === TAG_SNAPSHOT_DATA → tag === TAG_SNAPSHOT_DATA",
  ),
  ...ETCD_EQUIVALENTS,
  ...HASHICORP_EQUIVALENTS,
  // what the engines share
  {
    key: 'consensus/parts/serverCore.ts ServerCore.takeCommitted: drop if (deliveredIndex >= commitIndex) return NONE;',
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
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/parts/commandQueue.ts CommandQueue.place: swap this.out.accepted.push({ token, offset, count, firstIndex, term }); this.advance(count); → this.advance(count); this.out.accepted.push({ token, offset, count, firstIndex, term });',
  ),
  ...argued(
    'What is no later term is never too far ahead; the time in which terms may rise only begins at another moment.',
    'consensus/parts/coreEngine.ts CoreEngine.refusalOfTerm: drop if (term <= own) return undefined;',
  ),
  ...argued(
    'A leader that begins looks for itself at what is durable.',
    'consensus/parts/coreEngine.ts CoreEngine.durable: swap this.election.writeDurable(); this.leader?.ownWriteDurable(); → this.leader?.ownWriteDurable(); this.election.writeDurable();',
  ),
  ...argued(
    'Commands and reads on the one side, requests on the other: lists of their own.',
    'consensus/parts/leaderCore.ts LeaderCore.stop: swap this.refuseClients(leader); this.preparations.abandon(leader); → this.preparations.abandon(leader); this.refuseClients(leader);',
  ),
  ...argued(
    'After the last name there is none, which no message has.',
    'consensus/parts/numberedCodec.ts numberOf: bound place < field.length → place <= field.length',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/parts/serverCore.ts ServerCore.truncateFrom: swap this.log.truncateFrom(index); this.configurations.truncate(index); → this.configurations.truncate(index); this.log.truncateFrom(index);',
    'consensus/parts/serverCore.ts ServerCore.truncateFrom: swap this.configurations.truncate(index); this.writes.truncateFrom(index); → this.writes.truncateFrom(index); this.configurations.truncate(index);',
    'consensus/parts/serverCore.ts ServerCore.install: swap this.log.restore(snapshot); this.configurations.restore(snapshot.index, snapshot.configuration); → this.configurations.restore(snapshot.index, snapshot.configuration); this.log.restore(snapshot);',
    'consensus/parts/serverCore.ts ServerCore.install: swap this.configurations.restore(snapshot.index, snapshot.configuration); this.writes.truncateFrom(1); → this.writes.truncateFrom(1); this.configurations.restore(snapshot.index, snapshot.configuration);',
    'consensus/parts/serverCore.ts ServerCore.install: swap this.writes.truncateFrom(1); this.commitIndex = snapshot.index; → this.commitIndex = snapshot.index; this.writes.truncateFrom(1);',
  ),
  ...argued(
    'From an index above the commit index on there are no entries up to it: none are read.',
    'consensus/parts/serverCore.ts ServerCore.takeCommitted: bound deliveredIndex >= commitIndex → deliveredIndex > commitIndex',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/membership/handover.ts Handover.ledBy: swap this.open = undefined; out.requests.push({ token: open.token, ok: true }); → out.requests.push({ token: open.token, ok: true }); this.open = undefined;',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/membership/preparations.ts Preparations.advanceTransfer: swap this.handover.begin(choice.target, choosing.token, engine.view); engine.handingOver?.(choice.target); → engine.handingOver?.(choice.target); this.handover.begin(choice.target, choosing.token, engine.view);',
  ),
  ...argued(
    'The numbers are added up in any order, and each list or byte is put where it belongs by itself.',
    'consensus/entryCodec.ts bodySize: move if (entry.term !== 0) size += 1 + varintSize(entry.term); if (entry.index !== 0) size += 1 + varintSize(entry.index); → if (entry.index !== 0) size += 1 + varintSize(entry.index); if (entry.term !== 0) size += 1 + varintSize(entry.term);',
    'consensus/entryCodec.ts bodySize: move if (entry.index !== 0) size += 1 + varintSize(entry.index); if (entry.type !== 0) size += 2; → if (entry.type !== 0) size += 2; if (entry.index !== 0) size += 1 + varintSize(entry.index);',
    'consensus/entryCodec.ts bodySize: move if (entry.type !== 0) size += 2; if (entry.data.length !== 0) size += 1 + varintSize(entry.data.length) + entry.data.length; → if (entry.data.length !== 0) size += 1 + varintSize(entry.data.length) + entry.data.length; if (entry.type !== 0) size += 2;',
  ),
  ...argued(
    'What throws is left as it is: nobody goes on with what was read, or put there, before that.',
    'consensus/entryCodec.ts decodeRecord: move if (type > ENTRY_TYPE_MAX) { throw new MalformedBytesError(`entry type ${type}, expected 0 to ${ENTRY_TYPE_MAX}`, recordStart); } reader.pos = end; → reader.pos = end; if (type > ENTRY_TYPE_MAX) { throw new MalformedBytesError(`entry type ${type}, expected 0 to ${ENTRY_TYPE_MAX}`, recordStart); }',
    'consensus/entryCodec.ts decodeEntries: move if (tag !== RECORD_TAG) throw new MalformedBytesError(`tag ${tag}, expected ${RECORD_TAG}`, recordStart); entries.push(decodeRecord(reader, recordStart)); → entries.push(decodeRecord(reader, recordStart)); if (tag !== RECORD_TAG) throw new MalformedBytesError(`tag ${tag}, expected ${RECORD_TAG}`, recordStart);',
    'consensus/parts/logTail.ts LogTail.append: move if (entries[0]!.index !== this.last + 1) { throw new RangeError(`append at ${entries[0]!.index} to a log that ends at ${this.last}`); } for (const entry of entr… → for (const entry of entries) this.tail.push(entry); if (entries[0]!.index !== this.last + 1) { throw new RangeError(`append at ${entries[0]!.index} to a log tha…',
    'consensus/parts/numberedCodec.ts putNumber: move if (number >= limit) throw new MalformedMessageError(`flags ${number}, expected less than ${limit}`); for (let place = 0; place < field.length; place++) values[… → for (let place = 0; place < field.length; place++) values[field[place]!] = (number & (1 << place)) !== 0; if (number >= limit) throw new MalformedMessageError(`…',
    'consensus/membership/configurationCodec.ts readMembers: move if (id <= (ids[i - 1] ?? 0)) throw new MalformedMessageError(`member ${id} after ${ids[i - 1] ?? 0}`); ids.push(id); → ids.push(id); if (id <= (ids[i - 1] ?? 0)) throw new MalformedMessageError(`member ${id} after ${ids[i - 1] ?? 0}`);',
  ),
  ...argued(
    'Neither looks at what the other changes.',
    'consensus/parts/logTail.ts LogTail.truncateFrom: move if (index > this.tailStart) this.tail.length = index - this.tailStart; else { this.tail = []; this.tailStart = index; } if (index <= this.handed) { // An earlie… → if (index <= this.handed) { // An earlier cut was further up: from there on nothing was handed over since. this.cutFrom = index; this.handed = index - 1; } if (…',
    'consensus/parts/logTail.ts LogTail.truncateFrom: move if (index <= this.handed) { // An earlier cut was further up: from there on nothing was handed over since. this.cutFrom = index; this.handed = index - 1; } this… → this.last = index - 1; if (index <= this.handed) { // An earlier cut was further up: from there on nothing was handed over since. this.cutFrom = index; this.han…',
    'consensus/parts/pendingWrites.ts PendingWrites.truncateFrom: move this.durableUpTo = Math.min(this.durableUpTo, last); for (const write of this.pending) write.lastIndex = Math.min(write.lastIndex, last); → for (const write of this.pending) write.lastIndex = Math.min(write.lastIndex, last); this.durableUpTo = Math.min(this.durableUpTo, last);',
    'consensus/parts/serverCore.ts ServerCore.append: move this.log.append(entries); for (const entry of entries) if (isConfigurationType(entry.type)) this.configurations.append(entry); → for (const entry of entries) if (isConfigurationType(entry.type)) this.configurations.append(entry); this.log.append(entries);',
    'consensus/membership/changePreparation.ts ChangePreparation.missing: move if (this.newcomer !== 0 && lacks(this.newcomer)) needed.add(this.newcomer); for (const { voters } of this.markIndex === 0 ? [] : this.quorums) { const without =… → for (const { voters } of this.markIndex === 0 ? [] : this.quorums) { const without = voters.filter(lacks); if (2 * (voters.length - without.length) <= voters.le…',
    "consensus/membership/preparations.ts Preparations.advanceTransfer: move this.choosing = undefined; if ('target' in choice) { this.handover.begin(choice.target, choosing.token, engine.view); engine.handingOver?.(choice.target); } els… → if ('target' in choice) { this.handover.begin(choice.target, choosing.token, engine.view); engine.handingOver?.(choice.target); } else this.refuse(choosing.toke…",
  ),
  ...argued(
    'What was before and what is now are the same in all that is looked at.',
    'consensus/parts/lifeEvents.ts LifeEvents.turned: move if (stays && configuration === before.configuration) return NOTHING; this.before = now; → this.before = now; if (stays && configuration === before.configuration) return NOTHING;',
  ),
  ...argued(
    'A write is of the whole log of its moment: what a later one proves, a cut since then counted, is never less, nor is its term.',
    'consensus/parts/pendingWrites.ts PendingWrites.durable: clamp Math.max(this.durableUpTo, write.lastIndex) → write.lastIndex',
    'consensus/parts/pendingWrites.ts PendingWrites.durable: clamp Math.max(this.durableTermValue, write.term) → write.term',
  ),
  ...argued(
    'Which of two broken rules is told first makes no difference to a server that stops, nor does what it notes before that.',
    'consensus/parts/turnGuard.ts TurnGuard.check: move if (output.persist !== undefined) this.checkWrite(now, output.persist); if (output.restore !== undefined) this.checkRestore(output.restore.index); → if (output.restore !== undefined) this.checkRestore(output.restore.index); if (output.persist !== undefined) this.checkWrite(now, output.persist);',
    'consensus/parts/turnGuard.ts TurnGuard.check: move this.checkCommit(now, termAt); if (output.persist !== undefined) this.checkWrite(now, output.persist); → if (output.persist !== undefined) this.checkWrite(now, output.persist); this.checkCommit(now, termAt);',
  ),
  ...argued(
    'Of two faults either is told.',
    "consensus/parts/untrusted.ts configurationFault: move if (voters.length === 0) return 'configuration has no voters'; for (const ids of [voters, outgoing, learners, learnersNext]) { if (!isAscending(ids)) return `me… → for (const ids of [voters, outgoing, learners, learnersNext]) { if (!isAscending(ids)) return `members do not ascend from 1: ${ids}`; } if (voters.length === 0)…",
  ),
  ...argued(
    'By the contract no time is less than the one before, and no index that is applied.',
    'consensus/parts/coreEngine.ts CoreEngine.tick: clamp Math.max(state.nowMs, nowMs) → nowMs',
    'consensus/parts/coreEngine.ts CoreEngine.applied: clamp Math.max(this.state.appliedIndex, index) → index',
  ),
  ...argued(
    'A short way for what is encoded the same without it.',
    'bytes/byteWriter.ts ByteWriter.text: drop if (value.length <= SHORT_UNITS_MAX && this.shortAscii(value)) return;',
    'bytes/byteWriter.ts ByteWriter.text: bound value.length <= SHORT_UNITS_MAX → value.length < SHORT_UNITS_MAX',
  ),
  ...SERVER_EQUIVALENTS,
  ...STORE_EQUIVALENTS,
  ...BYTE_MAP_EQUIVALENTS,
];
