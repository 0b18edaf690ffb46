import {
  type Configuration,
  type EffectiveSettings,
  type Engine,
  type EngineKind,
  type EngineStatus,
  type EngineSummary,
  type MembershipChange,
  type NodeId,
  type Output,
  type ProposalBatch,
  Role,
  type Snapshot,
  simpleConfiguration,
} from '../../../consensus/contract.ts';

const CONFIGURATION = simpleConfiguration([1, 2, 3]);

/** Brings forth what a test gives it, one output after the other, and remembers what it was told. */
export class ScriptedEngine implements Engine<string> {
  /** Still to be drained. */
  readonly outputs: Output<string>[] = [];
  /** What it was told, by name, since this was emptied. */
  readonly heard: string[] = [];
  readonly batches: ProposalBatch[] = [];
  readonly reads: number[] = [];
  /** Whether members read promises, as it was told. */
  readonly promises: boolean[] = [];
  readonly requests: number[] = [];
  /** Told something and not drained since. */
  isUnheeded = false;
  drains = 0;
  appliedIndex = 0;
  durableMark = 0;
  standing: Pick<EngineStatus, 'role' | 'term' | 'leader' | 'lastIndex'> = {
    role: Role.Leader,
    term: 1,
    leader: 1,
    lastIndex: 0,
  };
  private readonly drained: (output: Output<string>) => void;

  constructor(drained: (output: Output<string>) => void = () => {}) {
    this.drained = drained;
  }

  get kind(): EngineKind<string> {
    const codec = {
      encode: () => new Uint8Array(0),
      encodeLarge: () => undefined,
      decode: () => '',
      mayOvertake: () => false,
    };
    return { name: 'gorums', codec, create: () => this };
  }

  tick(): void {
    this.hear('tick');
  }

  receive(_from: NodeId, message: string): undefined {
    this.hear(message);
  }

  propose(batch: ProposalBatch): void {
    this.batches.push(batch);
    this.hear('propose');
  }

  read(token: number): void {
    this.reads.push(token);
    this.hear('read');
  }

  reconfigure(_change: MembershipChange, token: number): void {
    this.requests.push(token);
    this.hear('reconfigure');
  }

  transferLeadership(_to: NodeId, token: number): void {
    this.requests.push(token);
    this.hear('transferLeadership');
  }

  durable(mark: number): void {
    this.durableMark = mark;
    this.hear(`durable ${mark}`);
  }

  applied(index: number): void {
    this.appliedIndex = index;
    this.hear(`applied ${index}`);
  }

  snapshotStored(index: number): void {
    this.hear(`snapshotStored ${index}`);
  }

  promisesAreRead(areRead: boolean): void {
    this.promises.push(areRead);
  }

  sending(): readonly Snapshot[] {
    return [];
  }

  drain(): Output<string> {
    this.drains++;
    this.isUnheeded = false;
    const output = this.outputs.shift() ?? outputOf({});
    this.drained(output);
    return output;
  }

  summary(): EngineSummary {
    const { role, term, leader } = this.standing;
    return { role, term, leader, configuration: CONFIGURATION };
  }

  status(): EngineStatus {
    const { standing, appliedIndex } = this;
    const rest = { id: 1, commitIndex: appliedIndex, appliedIndex, configuration: CONFIGURATION, peers: [] };
    return { ...rest, ...standing };
  }

  effectiveSettings(): EffectiveSettings {
    throw new Error('nobody asks a scripted engine for its settings');
  }

  configurationAt(): Configuration {
    return CONFIGURATION;
  }

  private hear(what: string): void {
    this.heard.push(what);
    this.isUnheeded = true;
  }
}

export function outputOf(parts: Partial<Output<string>>): Output<string> {
  return {
    persist: undefined,
    messages: [],
    messagesAfterPersist: [],
    restore: undefined,
    committed: [],
    accepted: [],
    rejected: [],
    reads: [],
    requests: [],
    events: [],
    ...parts,
  };
}
