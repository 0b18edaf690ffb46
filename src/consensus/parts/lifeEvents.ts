import { type Configuration, type DerivedEvent, type EngineSummary, type NodeId, Role } from '../contract.ts';

const NOTHING: readonly never[] = [];

/** The events that follow from what an engine shows (contract.ts says what each means), so that they mean the same of every engine. */
export class LifeEvents {
  private readonly self: NodeId;
  private readonly knownIndex: number;
  private before: EngineSummary;
  /** Of the last configuration that is committed and applied. */
  private members: readonly NodeId[];

  /**
   * `committed` is the configuration as of what is applied. What is applied again up to `knownIndex`, known to be committed at the
   * start, happened before.
   */
  constructor(self: NodeId, start: EngineSummary, committed: Configuration, knownIndex: number) {
    this.self = self;
    this.before = start;
    this.knownIndex = knownIndex;
    this.members = membersOf(committed);
  }

  /** What happened since it was last asked. */
  turned(now: EngineSummary): readonly DerivedEvent[] {
    const { before } = this;
    const { role, term, leader, configuration } = now;
    const stays = role === before.role && term === before.term && leader === before.leader;
    if (stays && configuration === before.configuration) return NOTHING;
    this.before = now;
    const events: DerivedEvent[] = [];
    if (lostLeader(before, now)) events.push('failure');
    if (role === Role.PreCandidate && before.role !== Role.PreCandidate) events.push('preelection');
    const isNew = role !== before.role || term !== before.term;
    // Whoever leads alone is elected within a turn.
    const stood = role === Role.Candidate || (role === Role.Leader && term !== before.term);
    if (isNew && stood) events.push('election');
    if (isNew && role === Role.Leader) events.push('becomeleader');
    if (!isSame(configuration, before.configuration)) events.push('applyconfiguration');
    return events;
  }

  /** What is applied goes up to `index`, and `committed` is the configuration as of there. */
  applied(index: number, now: EngineSummary, committed: Configuration): readonly DerivedEvent[] {
    if (index > this.knownIndex) return [...this.turned(now), ...this.committed(committed)];
    const { role, term, leader } = this.before;
    this.before = { role, term, leader, configuration: now.configuration };
    this.members = membersOf(committed);
    return NOTHING;
  }

  private committed(configuration: Configuration): readonly DerivedEvent[] {
    const { members, self } = this;
    const now = membersOf(configuration);
    this.members = now;
    const events: DerivedEvent[] = [];
    if (now.some((id) => !members.includes(id))) events.push('added');
    if (members.some((id) => !now.includes(id))) events.push('removed');
    if (members.includes(self) && !now.includes(self)) events.push('terminated');
    return events;
  }
}

/** Nobody took its place in a later term, nor was it removed: it is gone for this server, or knows that it is gone for the others. */
function lostLeader(before: EngineSummary, now: EngineSummary): boolean {
  return before.leader !== 0 && now.leader === 0 && now.term === before.term && now.role !== Role.Passive;
}

function membersOf({ voters, learners, outgoing }: Configuration): readonly NodeId[] {
  return [...voters, ...learners, ...outgoing];
}

function isSame(one: Configuration, other: Configuration): boolean {
  const { voters, learners, outgoing, learnersNext } = one;
  return (
    voters.join() === other.voters.join() &&
    learners.join() === other.learners.join() &&
    outgoing.join() === other.outgoing.join() &&
    learnersNext.join() === other.learnersNext.join()
  );
}
