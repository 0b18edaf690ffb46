import { type Configuration, type NodeId, Role } from '../../consensus/contract.ts';
import type { ServerRecord } from '../invariants/serverRecord.ts';
import type { Surroundings } from '../surroundings.ts';
import type { Reached } from './reached.ts';

/** What the watch asks of a server. */
interface WatchedServer {
  readonly id: NodeId;
  readonly isUp: boolean;
  readonly isRunning: boolean;
  readonly isPaused: boolean;
  readonly remembers: boolean;
  readonly processes: readonly unknown[];
}

const ROLES: readonly Role[] = Object.values(Role);

/**
 * Which combinations of states a run reaches: what happens (an election, a crash, a fault, a word of an operator), in which state the server
 * is that it happens to, and how the cluster stands. Everything is made small (a term is the highest one or not), so that a combination is met again, unless it is rare.
 */
export class StateWatch {
  private readonly around: Pick<Surroundings, 'judge' | 'network' | 'timeline'>;
  private readonly servers: readonly WatchedServer[];
  private readonly names: readonly string[];
  /** What happened in this event, and to which server; 0: to none. */
  private readonly happened: { readonly what: number; readonly id: NodeId }[] = [];
  private readonly firstSteps = new Map<number, number>();

  constructor(around: Pick<Surroundings, 'judge' | 'network' | 'timeline'>, servers: readonly WatchedServer[]) {
    this.around = around;
    this.servers = servers;
    this.names = servers.map(({ id }) => `server ${id}`);
  }

  /** As the trace notes it. What clients do is no part of a cluster's state. */
  noted(who: string, what: string): void {
    if (who.startsWith('client')) return;
    this.happened.push({ what: hashOf(what), id: this.names.indexOf(who) + 1 });
  }

  /** To be called once an event is over. */
  observe(): void {
    if (this.happened.length === 0) return;
    const cluster = this.clusterState();
    for (const { what, id } of this.happened) {
      const server = this.servers[id - 1];
      this.reach(mix(mix(what, server === undefined ? 0 : 1 + this.serverState(server)), cluster));
    }
    this.happened.length = 0;
    this.reach(mix(this.rolesTogether(), 1));
  }

  /** What was reached, each with the event that reached it first. */
  get reached(): readonly Reached[] {
    return [...this.firstSteps].map(([state, afterSteps]) => ({ state, afterSteps }));
  }

  private reach(state: number): void {
    if (!this.firstSteps.has(state)) this.firstSteps.set(state, this.around.timeline.steps);
  }

  private get highestTerm(): number {
    let term = 0;
    for (const { id } of this.servers) term = Math.max(term, this.around.judge.server(id).term);
    return term;
  }

  /** Of one server. */
  private serverState(server: WatchedServer): number {
    const record = this.around.judge.server(server.id);
    const { judge } = this.around;
    let state = this.roleState(server, record);
    state = state * 4 + membership(server.id, record.configuration);
    state = state * 2 + Number(judge.hasOpenChange(server.id));
    return state * 2 + Number(!server.remembers || server.processes.length > 1);
  }

  /** Whether it runs, its role, whether its term is old, and its log. */
  private roleState(server: WatchedServer, record: ServerRecord): number {
    const { judge } = this.around;
    const life = server.isPaused ? 3 : server.isRunning ? 2 : Number(server.isUp);
    const role = life >= 2 ? ROLES.indexOf(record.role) : 0;
    const isBehind = record.term < this.highestTerm;
    return ((life * 5 + role) * 2 + Number(isBehind)) * 4 + logState(record, judge.committed);
  }

  /** How the cluster stands: its leaders, the change of members that is under way, and whether messages pass. */
  private clusterState(): number {
    const { judge, network } = this.around;
    let leaders = 0;
    let change = 0;
    for (const { id } of this.servers) {
      const record = judge.server(id);
      if (!record.isLeader) continue;
      leaders++;
      const isJoint = (record.configuration?.outgoing.length ?? 0) > 0;
      change = Math.max(change, isJoint ? 2 : Number(judge.hasOpenChange(id)));
    }
    return (Math.min(2, leaders) * 3 + change) * 2 + Number(network.isCut || network.isClogged);
  }

  /** Which roles, terms and logs there are at once, however many servers have each. */
  private rolesTogether(): number {
    const { judge } = this.around;
    const states = new Set(this.servers.map((server) => this.roleState(server, judge.server(server.id))));
    return [...states].sort((a, b) => a - b).reduce(mix, 0);
  }
}

/** A log ends before what is committed, elsewhere than it, with it, or after it. */
function logState(
  { accepted: { log } }: ServerRecord,
  committed: { readonly length: number; id(index: number): number | undefined },
): number {
  const { length } = committed;
  const common = Math.min(log.lastIndex, length);
  if (!log.holds(common, committed.id(common)!)) return 1;
  return log.lastIndex < length ? 0 : log.lastIndex === length ? 2 : 3;
}

function membership(id: NodeId, configuration: Configuration | undefined): number {
  if (configuration?.voters.includes(id)) return configuration.outgoing.length > 0 ? 3 : 2;
  return Number(configuration?.learners.includes(id) ?? false);
}

function hashOf(text: string): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash;
}

function mix(a: number, b: number): number {
  const mixed = Math.imul(a ^ (a >>> 15), 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35);
  return (mixed ^ (mixed >>> 13)) >>> 0;
}
