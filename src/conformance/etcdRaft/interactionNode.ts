import {
  type Configuration,
  EMPTY_HARD_STATE,
  type HardState,
  type NodeId,
  type Snapshot,
  simpleConfiguration,
} from '../../consensus/contract.ts';
import type { Entry } from '../../consensus/entry.ts';
import { isConfigurationType } from '../../consensus/entry.ts';
import { decodeConfChange } from '../../consensus/etcd/membership.ts';
import type { Message } from '../../consensus/etcd/messages.ts';
import { RaftNode } from '../../consensus/etcd/node.ts';
import { DEFAULT_OPTIONS, type RaftOptions } from '../../consensus/etcd/options.ts';
import { contentBytes, MemoryContent } from '../../consensus/snapshotContent.ts';
import { ScriptStorage } from './scriptStorage.ts';

/** Election timeout and heartbeat interval of a script's nodes, in ticks. */
export const ELECTION_TICKS = 3;
export const HEARTBEAT_TICKS = 1;

/** What `add-nodes` says of the nodes to add. */
export interface NodeTemplate {
  readonly options: Partial<RaftOptions>;
  /** index 0: an empty node. */
  readonly snapshot: Snapshot;
}

/** One node of a script: the engine's, with a log and a state machine, which appends what it applies. */
export class InteractionNode {
  readonly id: NodeId;
  readonly raft: RaftNode;
  readonly storage: ScriptStorage;
  readonly asyncStorageWrites: boolean;
  /** Work that waits for its thread. */
  readonly appendWork: Message[] = [];
  readonly applyWork: Message[] = [];
  private latest: Snapshot;

  constructor(id: NodeId, { options, snapshot }: NodeTemplate) {
    this.id = id;
    this.latest = snapshot;
    this.storage = new ScriptStorage(() => this.latest);
    if (snapshot.index > 0) this.storage.restore(snapshot);
    const all: RaftOptions = {
      ...DEFAULT_OPTIONS,
      electionTicks: ELECTION_TICKS,
      heartbeatTicks: HEARTBEAT_TICKS,
      inflightMessagesMax: Number.POSITIVE_INFINITY,
      ...options,
      id,
      random: () => 0,
    };
    this.asyncStorageWrites = all.asyncStorageWrites;
    this.raft = new RaftNode(all, this.storage, {
      hardState: EMPTY_HARD_STATE,
      configuration: snapshot.configuration,
      appliedIndex: snapshot.index,
    });
  }

  get snapshot(): Snapshot {
    return this.latest;
  }

  write(hardState: HardState | undefined, entries: readonly Entry[], snapshot: Snapshot | undefined): void {
    if (hardState !== undefined) this.storage.hardState = hardState;
    if (snapshot !== undefined) {
      if (entries.length > 0) throw new Error("can't apply snapshot and entries at the same time");
      this.storage.restore(snapshot);
    } else this.storage.append(entries);
  }

  apply(entries: readonly Entry[]): void {
    for (const entry of entries) {
      const { index, term, data } = entry;
      const changes = isConfigurationType(entry.type);
      const configuration = changes ? this.raft.applyConfChange(decodeConfChange(data)) : this.latest.configuration;
      const state = changes ? contentBytes(this.latest.content) : concat(contentBytes(this.latest.content), data);
      this.latest = { index, term, configuration, content: new MemoryContent(state) };
    }
  }
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const result = new Uint8Array(a.length + b.length);
  result.set(a);
  result.set(b, a.length);
  return result;
}

/** The configuration and index that a script's node starts from. */
export function startingSnapshot(
  index: number,
  voters: readonly NodeId[],
  learners: readonly NodeId[],
  content: string,
): Snapshot {
  const configuration: Configuration = simpleConfiguration(voters, learners);
  return {
    index,
    term: index > 0 ? 1 : 0,
    configuration,
    content: new MemoryContent(new TextEncoder().encode(content)),
  };
}
