import type { NodeId } from '../../consensus/contract.ts';
import { Entry, EntryType } from '../../consensus/entry.ts';
import { encodeConfChange, Transition } from '../../consensus/etcd/membership.ts';
import { isLocalThread, Message, MessageType } from '../../consensus/etcd/messages.ts';
import { type RaftOptions, ReadMode, SERVED } from '../../consensus/etcd/options.ts';
import { describeEntry, parseSteps } from './describe.ts';
import { describeMessage, describeReady, messageTypeNamed } from './describeMessage.ts';
import {
  ELECTION_TICKS,
  HEARTBEAT_TICKS,
  InteractionNode,
  type NodeTemplate,
  startingSnapshot,
} from './interactionNode.ts';
import { type Command, type CommandArgument, parseCommand, type ScriptStep } from './script.ts';
import { TraceOutput } from './traceOutput.ts';

/** The script asks for something that cannot be done; its text is part of the trace. */
class CommandError extends Error {
  override readonly name = 'CommandError';
}

type Handler = (args: readonly CommandArgument[], step: ScriptStep) => void;

/**
 * The commands of interaction scripts: a network of nodes that does only what the script says. Messages wait until they are
 * delivered, storage work until its thread is run.
 */
export class InteractionScript {
  private readonly nodes: InteractionNode[] = [];
  private messages: Message[] = [];
  private readonly output = new TraceOutput();
  private readonly handlers: ReadonlyMap<string, Handler>;

  constructor() {
    this.handlers = new Map<string, Handler>([
      ['_breakpoint', () => {}],
      ['add-nodes', (args) => this.addNodes(args)],
      ['campaign', (args) => this.nodeAt(args).raft.campaign()],
      ['compact', (args) => this.compact(args)],
      ['deliver-msgs', (args) => this.deliverCommand(args)],
      ['forget-leader', (args) => this.nodeAt(args).raft.forgetLeader()],
      ['log-level', (args) => this.output.setLevel(args[0]?.key ?? '')],
      ['process-ready', (args) => this.forEachNode(args, 'handling Ready', (node) => this.processReady(node))],
      [
        'process-append-thread',
        (args) => this.forEachNode(args, 'processing append thread', (node) => this.processAppend(node)),
      ],
      [
        'process-apply-thread',
        (args) => this.forEachNode(args, 'processing apply thread', (node) => this.processApply(node)),
      ],
      ['propose', (args) => this.propose(args)],
      ['propose-conf-change', (args, step) => this.proposeChange(args, step)],
      ['raft-log', (args) => this.printLog(this.nodeAt(args))],
      ['raft-state', () => this.printStates()],
      ['report-unreachable', (args) => this.nodeAt(args).raft.reportUnreachable(this.nodeAt(args, 1).id)],
      ['send-snapshot', (args) => this.sendSnapshot(this.nodeAt(args), this.nodeAt(args, 1).id)],
      ['set-randomized-election-timeout', (args) => this.setElectionTimeout(args)],
      ['stabilize', (args) => this.stabilizeCommand(args)],
      ['status', (args) => this.printStatus(this.nodeAt(args))],
      ['tick', (args) => this.tick(args, idOf(args[1]?.key))],
      ['tick-election', (args) => this.tick(args, ELECTION_TICKS)],
      ['tick-heartbeat', (args) => this.tick(args, HEARTBEAT_TICKS)],
      ['transfer-leadership', (args) => this.transferLeadership(args)],
    ]);
  }

  /** The output of one step; `ok` where there is none. */
  run(step: ScriptStep): string {
    this.output.clear();
    this.runCommand(step, step);
    // Every line of the input is a further command, except where the command itself reads the input.
    if (step.name !== 'propose-conf-change') {
      for (const line of step.input) if (line.trim() !== '') this.runCommand(parseCommand(line), step);
    }
    return this.output.text === '' ? 'ok' : this.output.text;
  }

  private runCommand({ name, args }: Command, step: ScriptStep): void {
    const handler = this.handlers.get(name);
    try {
      if (handler === undefined) throw new CommandError('unknown command');
      handler(args, step);
    } catch (error) {
      this.output.error(error instanceof Error ? error.message : String(error));
      if (!(error instanceof CommandError)) throw error;
    }
  }

  private addNodes(args: readonly CommandArgument[]): void {
    const template = readTemplate(args.slice(1));
    for (let count = idOf(args[0]?.key); count > 0; count--) {
      if (template.snapshot.configuration.voters.length > 0 && template.snapshot.index <= 1) {
        throw new CommandError('index must be specified as > 1 due to bootstrap');
      }
      this.nodes.push(new InteractionNode(this.nodes.length + 1, template));
    }
  }

  private compact(args: readonly CommandArgument[]): void {
    const node = this.nodeAt(args);
    try {
      node.storage.compact(idOf(args[1]?.key));
    } catch (error) {
      throw new CommandError(error instanceof Error ? error.message : String(error));
    }
    this.printLog(node);
  }

  private propose(args: readonly CommandArgument[]): void {
    const data = new TextEncoder().encode(args[1]?.key ?? '');
    const error = this.nodeAt(args).raft.propose([new Entry(0, 0, EntryType.Normal, data)]);
    if (error !== undefined) throw new CommandError(error);
  }

  private proposeChange(args: readonly CommandArgument[], step: ScriptStep): void {
    let v1 = false;
    let transition: Transition = Transition.Auto;
    for (const { key, values } of args.slice(1)) {
      const value = values[0] ?? '';
      if (key === 'v1') v1 = value === 'true';
      else if (key !== 'transition') throw new CommandError(`unknown command ${key}`);
      else if (value === 'implicit') transition = Transition.JointImplicit;
      else if (value === 'explicit') transition = Transition.JointExplicit;
      else if (value !== 'auto') throw new CommandError(`unknown transition ${value}`);
    }
    const steps = parseSteps(step.input.join(' '));
    if (v1 && (steps.length !== 1 || transition !== Transition.Auto)) {
      throw new CommandError('v1 conf change can only have one operation and no transition');
    }
    const type = v1 ? EntryType.Reconf : EntryType.JointReconf;
    const entry = new Entry(0, 0, type, encodeConfChange({ transition, steps }));
    const error = this.nodeAt(args).raft.propose([entry]);
    if (error !== undefined) throw new CommandError(error);
  }

  private transferLeadership(args: readonly CommandArgument[]): void {
    const id = (name: string) => idOf(args.find(({ key }) => key === name)?.values[0]);
    this.node(id('from')).raft.transferLeadership(id('to'));
  }

  private setElectionTimeout(args: readonly CommandArgument[]): void {
    const timeout = idOf(args.find(({ key }) => key === 'timeout')?.values[0]);
    this.nodeAt(args).raft.state.setRandomizedElectionTimeout(timeout);
  }

  private tick(args: readonly CommandArgument[], ticks: number): void {
    const node = this.nodeAt(args);
    for (let i = 0; i < ticks; i++) node.raft.tick();
  }

  private sendSnapshot(from: InteractionNode, to: NodeId): void {
    const message = new Message(MessageType.Snapshot, to);
    message.from = from.id;
    message.term = from.raft.state.term;
    message.snapshot = from.snapshot;
    this.messages.push(message);
    this.output.write(describeMessage(message));
  }

  /** For each node named, under a heading where there are several. */
  private forEachNode(args: readonly CommandArgument[], doing: string, run: (node: InteractionNode) => void): void {
    const nodes = this.nodesNamed(args);
    for (const node of nodes) {
      if (nodes.length === 1) run(node);
      else this.output.under(`> ${node.id} ${doing}`, () => run(node));
    }
  }

  private processReady(node: InteractionNode): void {
    const ready = node.raft.ready();
    this.output.write(describeReady(ready));
    if (!node.asyncStorageWrites) {
      node.write(ready.hardState, ready.entries, ready.snapshot);
      node.apply(ready.committed);
    }
    for (const message of ready.messages) {
      if (message.type === MessageType.StorageAppend) node.appendWork.push(message);
      else if (message.type === MessageType.StorageApply) node.applyWork.push(message);
      else this.messages.push(message);
    }
    if (!node.asyncStorageWrites) node.raft.advance();
  }

  private processAppend(node: InteractionNode): void {
    const work = node.appendWork.shift();
    if (work === undefined) {
      this.output.write('no append work to perform');
      return;
    }
    this.processWork(work, () => {
      const { term, vote, commit } = work;
      const hardState = term === 0 && vote === 0 && commit === 0 ? undefined : { term, vote, commit };
      node.write(hardState, work.entries, work.snapshot);
    });
  }

  private processApply(node: InteractionNode): void {
    const work = node.applyWork.shift();
    if (work === undefined) this.output.write('no apply work to perform');
    else this.processWork(work, () => node.apply(work.entries));
  }

  private processWork(work: Message, carryOut: () => void): void {
    const { responses } = work;
    work.responses = [];
    this.output.write('Processing:');
    this.output.write(describeMessage(work));
    carryOut();
    this.output.write('Responses:');
    for (const response of responses) this.output.write(describeMessage(response));
    this.messages.push(...responses);
  }

  private deliverCommand(args: readonly CommandArgument[]): void {
    const recipients = args
      .filter(({ values }) => values.length === 0)
      .map(({ key }) => ({ id: idOf(key), drop: false }));
    let type: MessageType | undefined;
    for (const { key, values } of args) {
      if (key === 'drop') recipients.push(...values.map((value) => ({ id: idOf(value), drop: true })));
      if (key !== 'type') continue;
      type = messageTypeNamed(values[0] ?? '');
      if (type === undefined) throw new CommandError(`unknown message type ${values[0]}`);
    }
    let count = 0;
    for (const { id, drop } of recipients) count += this.deliver(id, type, drop);
    if (count === 0) this.output.write('no messages');
  }

  /** Delivers or drops what waits for `to`; how many messages that were. */
  private deliver(to: NodeId, type: MessageType | undefined, drop: boolean): number {
    const chosen = this.waiting(to, type, drop);
    const taken = new Set(chosen);
    this.messages = this.messages.filter((message) => !taken.has(message));
    for (const message of chosen) {
      this.output.write(`${drop ? 'dropped: ' : ''}${describeMessage(message)}`);
      if (drop) continue;
      const error = this.node(to).raft.step(message);
      if (error !== undefined) this.output.write(error);
    }
    return chosen.length;
  }

  /** Messages of a node to itself and to and from its threads cannot be lost. */
  private waiting(to: NodeId, type: MessageType | undefined, drop: boolean): Message[] {
    return this.messages.filter((message) => {
      const reliable = message.from === message.to || isLocalThread(message.from) || isLocalThread(message.to);
      return message.to === to && (type === undefined || message.type === type) && !(drop && reliable);
    });
  }

  private stabilizeCommand(args: readonly CommandArgument[]): void {
    const level = args.find(({ key }) => key === 'log-level')?.values[0];
    const named = this.nodesNamed(args);
    const nodes = named.length === 0 ? [...this.nodes] : named;
    const run = () => {
      while (this.stabilizeOnce(nodes));
    };
    if (level === undefined) run();
    else this.output.atLevel(level, run);
  }

  /** One round of all kinds of work; false where there was none. */
  private stabilizeOnce(nodes: readonly InteractionNode[]): boolean {
    let worked = false;
    const work = (node: InteractionNode, doing: string, run: () => void) => {
      this.output.under(`> ${node.id} ${doing}`, run);
      worked = true;
    };
    for (const node of nodes) {
      if (node.raft.hasReady) work(node, 'handling Ready', () => this.processReady(node));
    }
    for (const node of nodes) {
      if (this.waiting(node.id, undefined, false).length === 0) continue;
      work(node, 'receiving messages', () => this.deliver(node.id, undefined, false));
    }
    for (const node of nodes) {
      if (node.appendWork.length === 0) continue;
      work(node, 'processing append thread', () => {
        while (node.appendWork.length > 0) this.processAppend(node);
      });
    }
    for (const node of nodes) {
      if (node.applyWork.length === 0) continue;
      work(node, 'processing apply thread', () => {
        while (node.applyWork.length > 0) this.processApply(node);
      });
    }
    return worked;
  }

  private printLog({ storage }: InteractionNode): void {
    const { firstIndex, lastIndex } = storage;
    if (firstIndex > lastIndex) {
      this.output.write(`log is empty: first index=${firstIndex}, last index=${lastIndex}`);
      return;
    }
    for (const entry of storage.entries(firstIndex, lastIndex, Number.POSITIVE_INFINITY)) {
      this.output.write(describeEntry(entry));
    }
  }

  private printStates(): void {
    for (const { id, raft } of this.nodes) {
      const { role, term, lead, configuration } = raft.state;
      const voter = configuration.voters.includes(id) || configuration.outgoing.includes(id);
      this.output.write(`${id}: ${role} (${voter ? 'Voter' : 'Non-Voter'}) Term:${term} Lead:${lead}`);
    }
  }

  private printStatus({ raft }: InteractionNode): void {
    if (raft.state.leader === undefined) return;
    for (const [id, progress] of raft.state.members.progress) this.output.write(`${id}: ${progress.describe()}`);
  }

  private node(id: NodeId): InteractionNode {
    const node = this.nodes[id - 1];
    if (node === undefined) throw new CommandError(`there is no node ${id}`);
    return node;
  }

  private nodeAt(args: readonly CommandArgument[], at = 0): InteractionNode {
    return this.node(idOf(args[at]?.key));
  }

  private nodesNamed(args: readonly CommandArgument[]): InteractionNode[] {
    return args.filter(({ values }) => values.length === 0).map(({ key }) => this.node(idOf(key)));
  }
}

function idOf(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text))
    throw new CommandError(`${text ?? 'nothing'} where a number is needed`);
  return Number(text);
}

/** The arguments of `add-nodes` after the count. */
function readTemplate(args: readonly CommandArgument[]): NodeTemplate {
  const values = new Map(args.map((arg) => [arg.key, arg.values]));
  const options: { -readonly [K in keyof RaftOptions]?: RaftOptions[K] } = {};
  for (const [key, [value = '']] of values) {
    const flag = value === 'true';
    if (key === 'inflight') options.inflightMessagesMax = idOf(value);
    else if (key === 'served' && flag) Object.assign(options, SERVED);
    else if (key === 'async-storage-writes') options.asyncStorageWrites = flag;
    else if (key === 'prevote') options.preVote = flag;
    else if (key === 'checkquorum') options.checkQuorum = flag;
    else if (key === 'max-committed-size-per-ready') options.applyingBytesMax = idOf(value);
    else if (key === 'disable-conf-change-validation') options.disableConfChangeValidation = flag;
    else if (key === 'step-down-on-removal') options.stepDownOnRemoval = flag;
    else if (key === 'read-only') options.readMode = readModeNamed(value);
    else if (!['voters', 'learners', 'index', 'content'].includes(key)) {
      throw new CommandError(`unknown argument ${key}`);
    }
  }
  const ids = (key: string) => (values.get(key) ?? []).map((value) => idOf(value));
  const content = values.get('content')?.[0] ?? '';
  return { options, snapshot: startingSnapshot(ids('index')[0] ?? 0, ids('voters'), ids('learners'), content) };
}

function readModeNamed(name: string): ReadMode {
  if (name === 'safe') return ReadMode.Safe;
  if (name === 'lease-based') return ReadMode.LeaseBased;
  throw new CommandError(`invalid read-only option ${JSON.stringify(name)}`);
}
