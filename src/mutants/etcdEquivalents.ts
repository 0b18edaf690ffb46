import { argued, type Equivalent } from './equivalent.ts';

/** What survives in the etcd engine and is no mistake. */
export const ETCD_EQUIVALENTS: readonly Equivalent[] = [
  ...argued(
    'Tells followers of a commit at once that could wait for the next message.',
    'consensus/etcd/leader.ts receiveAppendResponse: bound before < leader.pendingConfIndex → before <= leader.pendingConfIndex',
  ),
  ...argued(
    'The constructor throws the same error, after it has made a state that nobody gets.',
    'consensus/etcd/node.ts RaftNode.constructor: swap checkOptions(options); this.state = new RaftState(options, storage, initial); → this.state = new RaftState(options, storage, initial); checkOptions(options);',
  ),
  ...argued(
    'What is sent stays in the outbox, the same object, until the turn is over.',
    'consensus/etcd/reads.ts answerRead: swap answer.readContext = read.context; state.send(answer); → state.send(answer); answer.readContext = read.context;',
    'consensus/etcd/step.ts answerLowerTerm: swap answer.reject = true; state.send(answer); → state.send(answer); answer.reject = true;',
    'consensus/etcd/follower.ts receiveAppend: swap answer.index = last; state.send(answer); → state.send(answer); answer.index = last;',
    'consensus/etcd/follower.ts receiveAppend: swap answer.logTerm = hint.term; state.send(answer); → state.send(answer); answer.logTerm = hint.term;',
    'consensus/etcd/follower.ts forward: swap message.to = state.lead; state.send(message); → state.send(message); message.to = state.lead;',
    'consensus/etcd/leadership.ts Leadership.ask: swap request.logTerm = log.lastTerm; out.send(id, request); → out.send(id, request); request.logTerm = log.lastTerm;',
  ),
  ...argued(
    'Neither looks at the other.',
    'consensus/etcd/reads.ts ClientReads.refuse: swap this.asked.clear(); this.fresh = []; → this.fresh = []; this.asked.clear();',
    'consensus/etcd/step.ts tick: swap state.ticks++; state.electionElapsed++; → state.electionElapsed++; state.ticks++;',
  ),
  ...argued(
    'Standing for election neither looks at the time that passed nor, but by setting it to nothing, changes it.',
    'consensus/etcd/step.ts tick: swap state.electionElapsed = 0; startElection(state, false); → startElection(state, false); state.electionElapsed = 0;',
  ),
  ...argued(
    'Only a leader looks further when something is applied, and nobody leads while a snapshot is being written.',
    'consensus/etcd/step.ts snapshotApplied: swap state.log.unstable.snapshotStable(index); appliedTo(state, index, 0, 0); → appliedTo(state, index, 0, 0); state.log.unstable.snapshotStable(index);',
  ),
  ...argued(
    'Where entries follow the last one the copy that is made holds all of them.',
    'consensus/etcd/unstableLog.ts UnstableLog.append: bound from < this.end → from <= this.end (2)',
  ),
  ...argued(
    'Neither looks at what the other sets.',
    'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveAppend(state, message); → receiveAppend(state, message); hearFrom(state, message);',
    'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveHeartbeat(state, message); → receiveHeartbeat(state, message); hearFrom(state, message);',
    'consensus/etcd/follower.ts stepFollower: swap hearFrom(state, message); receiveSnapshot(state, message); → receiveSnapshot(state, message); hearFrom(state, message);',
  ),
  ...argued(
    'What a follower keeps of the others’ progress is made anew before it stands for election.',
    'consensus/etcd/follower.ts restore: swap log.restore(snapshot); state.members = membersOf(snapshot.configuration, (_id, learner) => state.newProgress(learner)); → state.members = membersOf(snapshot.configuration, (_id, learner) => state.newProgress(learner)); log.restore(snapshot);',
  ),
  ...argued(
    'Decides only whether the role is reported again as an event.',
    'consensus/etcd/node.ts RaftNode.ready: negate state.lead !== this.lastLead → state.lead === this.lastLead',
  ),
];
