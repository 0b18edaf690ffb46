import { EMPTY_HARD_STATE, type HardState, type NodeId, simpleConfiguration } from '../../contract.ts';
import { Entry, EntryType, isConfigurationType } from '../../entry.ts';
import { MemoryLog } from '../../testing/memoryLog.ts';
import { ChangeKind, decodeConfChange, Transition } from '../membership.ts';
import { Message, MessageType } from '../messages.ts';
import { RaftNode, type Ready } from '../node.ts';
import { DEFAULT_OPTIONS, type RaftOptions } from '../options.ts';

export interface OneNodeInit {
  readonly id?: NodeId;
  readonly voters?: readonly NodeId[];
  readonly learners?: readonly NodeId[];
  /** Terms of the entries in the log, from index 1 on. */
  readonly terms?: readonly number[];
  readonly hardState?: Partial<HardState>;
  readonly appliedIndex?: number;
  readonly options?: Partial<RaftOptions>;
}

/** One node whose disk writes and applications are done at once, for tests that step a message and look at the outbox. */
export class OneNode {
  readonly node: RaftNode;
  readonly log = new MemoryLog();
  applied: Entry[] = [];
  private mark = 0;

  constructor({
    id = 1,
    voters = [1, 2, 3],
    learners = [],
    terms = [],
    hardState = {},
    appliedIndex = 0,
    options = {},
  }: OneNodeInit = {}) {
    const entries = terms.map((term, at) => new Entry(at + 1, term, EntryType.Normal, new Uint8Array(0)));
    if (entries.length > 0) this.log.persist({ mark: ++this.mark, entries, mustSync: true });
    this.node = new RaftNode({ ...DEFAULT_OPTIONS, id, random: () => 0, ...options }, this.log, {
      hardState: { ...EMPTY_HARD_STATE, ...hardState },
      configuration: simpleConfiguration(voters, learners),
      appliedIndex,
    });
  }

  get state(): RaftNode['state'] {
    return this.node.state;
  }

  /** Steps a message with these fields. */
  receive(type: MessageType, from: NodeId, fields: Partial<Message> = {}): string | undefined {
    const message = Object.assign(new Message(type, this.state.id), { from, ...fields });
    return this.node.step(message);
  }

  /** Carries out everything that is to be done; the messages that leave, in order. */
  run(): Message[] {
    const messages: Message[] = [];
    while (this.node.hasReady) messages.push(...this.carryOut(this.node.ready()));
    return messages;
  }

  tick(ticks: number): void {
    for (let i = 0; i < ticks; i++) this.node.tick();
  }

  propose(...commands: string[]): string | undefined {
    return this.node.propose(commands.map((text) => new Entry(0, 0, EntryType.Normal, new TextEncoder().encode(text))));
  }

  /** Brings about a joint configuration of a node of the voters 1 to 3, whose halves, 1 to 3 and 1, 4 and 5, share it alone. */
  joinHalves(): void {
    const steps = [
      { kind: ChangeKind.AddVoter, id: 4 },
      { kind: ChangeKind.AddVoter, id: 5 },
      { kind: ChangeKind.Remove, id: 2 },
      { kind: ChangeKind.Remove, id: 3 },
    ];
    this.node.applyConfChange({ transition: Transition.JointExplicit, steps });
  }

  /** Makes this node the leader of the next term, with a vote of `voter`, and lets it write its first entry. */
  lead(voter: NodeId = 2): Message[] {
    this.node.campaign();
    const messages = this.run();
    const request = messages[messages.length - 1];
    this.receive(MessageType.VoteResp, voter, { term: request?.term ?? this.state.term });
    return this.run();
  }

  private carryOut(ready: Ready): readonly Message[] {
    const { snapshot, entries, hardState } = ready;
    const first = entries[0]?.index ?? Number.POSITIVE_INFINITY;
    const truncateFrom = first <= this.log.lastIndex && snapshot === undefined ? first : undefined;
    this.log.persist({ mark: ++this.mark, snapshot, truncateFrom, entries, hardState, mustSync: true });
    for (const entry of ready.committed) {
      if (isConfigurationType(entry.type)) this.node.applyConfChange(decodeConfChange(entry.data));
      this.applied.push(entry);
    }
    const messages = [...ready.messages];
    this.node.advance();
    return messages;
  }
}
