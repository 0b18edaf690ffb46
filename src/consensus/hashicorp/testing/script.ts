import { ChangeType, type Configuration, type EngineSettings, type NodeId, type Output } from '../../contract.ts';
import { type Entry, EntryType } from '../../entry.ts';
import { contentBytes } from '../../snapshotContent.ts';
import { decodeConfiguration } from '../membership.ts';
import type { HashicorpMessage } from '../messages.ts';
import { type VirtualServer, World } from './world.ts';

const DEFAULT_SETTINGS: EngineSettings = {
  electionTimeoutMs: 100,
  heartbeatMs: 10,
  entriesPerMessage: 8,
  catchUpMultiplier: 4,
  batch: true,
  checkQuorum: true,
  readProof: 'round',
  maxMessageBytes: 1 << 20,
  snapshotChunkBytes: 1 << 18,
};

/** A line of a scenario that is not a command. */
class ScriptError extends Error {
  override readonly name = 'ScriptError';
}

/** Messages that a transcript shows unless told otherwise; the rest is routine. */
const SHOWN_BY_DEFAULT: readonly string[] = ['vote', 'vote-reply', 'timeout-now', 'snapshot', 'snapshot-reply'];

/**
 * Runs the commands of a scenario against a virtual cluster and writes down what happens, for people to read: who stands
 * and who leads in which term, what is committed where, how requests end, and the messages that matter.
 */
export class Script {
  private world: World | undefined;
  private lines: string[] = [];
  private shown = new Set(SHOWN_BY_DEFAULT);
  private readonly seen = new Map<NodeId, { role: string; commit: number }>();
  private tokens = new Map<number, string>();
  private nextToken = 1;

  /** Carries out one line and returns the trace it left. */
  execute(line: string): string[] {
    this.lines = [];
    const [command = '', ...args] = line.split(/\s+/);
    if (command === 'cluster') this.createCluster(args);
    else this.perform(command, args, line);
    return this.lines;
  }

  private perform(command: string, args: readonly string[], line: string): void {
    const world = this.requireWorld();
    const id = Number(args[0]?.split(/[->]/)[0]);
    switch (command) {
      case 'run':
        this.run(id);
        break;
      case 'elect':
        this.elect();
        break;
      case 'show':
        this.shown = new Set([...SHOWN_BY_DEFAULT, ...args]);
        break;
      case 'propose':
        world.server(id).engine.propose({
          token: this.token(`proposal of ${args.slice(1).join(' ')}`),
          commands: args.slice(1).map((word) => new TextEncoder().encode(word)),
        });
        break;
      case 'read':
        world.server(id).engine.read(this.token(`read at s${id}`));
        break;
      case 'transfer':
        world
          .server(id)
          .engine.transferLeadership(
            Number(args[1]),
            this.token(args[1] === '0' ? 'transfer to anybody' : `transfer to s${args[1]}`),
          );
        break;
      case ChangeType.AddVoter:
      case ChangeType.AddLearner:
      case ChangeType.Demote:
      case ChangeType.Remove: {
        const change = { type: command, id: Number(args[1]) };
        world.server(id).engine.reconfigure(change, this.token(`${command} s${change.id}`));
        break;
      }
      case 'status':
        for (const server of world.servers) this.describe(server);
        break;
      case 'log':
        this.lines.push(`s${id}: ${this.describeLog(world.server(id))}`);
        break;
      default:
        this.disturb(command, args, id, line);
    }
  }

  private disturb(command: string, args: readonly string[], id: NodeId, line: string): void {
    const world = this.requireWorld();
    switch (command) {
      case 'cut':
        this.cut(args[0] ?? '');
        break;
      case 'heal':
        world.heal();
        break;
      case 'stall-disk':
        world.server(id).stalled = true;
        break;
      case 'resume-disk':
        world.server(id).stalled = false;
        break;
      case 'crash':
        world.server(id).crash();
        this.seen.delete(id);
        break;
      case 'wipe':
        world.server(id).wipe();
        break;
      case 'restart':
        world.server(id).restart();
        this.observe(world.server(id));
        break;
      case 'snapshot': {
        const stored = world.server(id).storeSnapshot(Number(args[1] ?? 0));
        const { appliedIndex, log } = world.server(id);
        this.lines.push(
          stored
            ? `s${id} stored a snapshot at ${appliedIndex}, its log begins at ${log.firstIndex}`
            : 'nothing to store',
        );
        break;
      }
      default:
        throw new ScriptError(`not a command: ${line}`);
    }
  }

  private createCluster(args: readonly string[]): void {
    const given = new Map(args.map((arg) => arg.split('=') as [string, string]));
    const ids = (name: string, otherwise: string) => (given.get(name) ?? otherwise).split(',').map(Number);
    const voters = ids('voters', '1,2,3');
    const latencyMs = Number(given.get('latency') ?? 1);
    const settings = {
      ...DEFAULT_SETTINGS,
      batch: given.get('batch') !== 'false',
      checkQuorum: given.get('checkquorum') !== 'false',
      entriesPerMessage: Number(given.get('entries') ?? DEFAULT_SETTINGS.entriesPerMessage),
    };
    this.world = new World(
      {
        servers: ids('servers', voters.join(',')),
        voters,
        settings,
        diskMs: Number(given.get('disk') ?? 1),
        // Different on every server, so that the one with the lowest id stands first.
        timerRandom: (id) => {
          let draws = 0;
          return () => ((id * 15 + draws++ * 31) % 100) / 100;
        },
        delaysMs: () => [latencyMs],
      },
      { sent: (from, to, message, cut) => this.sent(from, to, message, cut), output: (id, out) => this.told(id, out) },
    );
    this.seen.clear();
    this.shown = new Set(SHOWN_BY_DEFAULT);
    for (const server of this.world.servers) this.observe(server);
  }

  private requireWorld(): World {
    if (this.world === undefined) throw new ScriptError('a scenario begins with: cluster');
    return this.world;
  }

  private run(durationMs: number): void {
    const world = this.requireWorld();
    for (let i = 0; i < durationMs; i++) {
      world.step();
      for (const server of world.servers) if (server.up) this.observe(server);
    }
  }

  /** Runs quietly until one server leads and all others know what is committed. */
  private elect(): void {
    const world = this.requireWorld();
    const settled = () => {
      const all = world.servers.map((server) => server.engine.status());
      const leader = all.find((status) => status.role === 'leader');
      return leader?.peers.every(({ id }) => all.find((one) => one.id === id)?.commitIndex === 1);
    };
    while (world.nowMs < 1000 && !settled()) this.run(1);
    this.run(150 - (world.nowMs % 50));
    this.lines = [];
    for (const { id, engine } of world.servers) {
      const { role, term } = engine.status();
      if (role === 'leader') this.say(`s${id} leads term ${term}, its first entry is committed`);
    }
  }

  /** `2`: off from everybody. `1-2`: both ways. `1>2`: what 1 sends to 2. */
  private cut(where: string): void {
    const world = this.requireWorld();
    const ids = where.split(/[->]/).map(Number);
    const [from] = ids as [number];
    const others = ids.length === 1 ? world.options.servers.filter((id) => id !== from) : ids.slice(1);
    for (const to of others) {
      world.cut(from, to);
      if (!where.includes('>')) world.cut(to, from);
    }
  }

  private token(name: string): number {
    const token = this.nextToken++;
    this.tokens.set(token, name);
    return token;
  }

  private say(text: string): void {
    this.lines.push(`${String(this.requireWorld().nowMs).padStart(5)}  ${text}`);
  }

  private observe({ id, engine }: VirtualServer): void {
    const { role, term, commitIndex } = engine.status();
    const before = this.seen.get(id);
    const now = { role: `${role} in term ${term}`, commit: commitIndex };
    this.seen.set(id, now);
    if (this.world === undefined) return;
    if (before?.role !== now.role) this.say(`s${id} is ${now.role}`);
    if (before !== undefined && before.commit !== now.commit) this.say(`s${id} knows ${now.commit} committed`);
  }

  private sent(from: NodeId, to: NodeId, message: HashicorpMessage, cut: boolean): void {
    if (this.shown.has(this.isAsking(from, to, message) ? 'ask' : message.type))
      this.say(`  ${from}→${to} ${describeMessage(message)}${cut ? '  (lost)' : ''}`);
  }

  /** A leader that is not answered asks with pre-votes, over and over. */
  private isAsking(from: NodeId, to: NodeId, message: HashicorpMessage): boolean {
    if (!(message.type === 'vote' || message.type === 'vote-reply') || !message.preVote) return false;
    return this.world?.server(message.type === 'vote' ? from : to).engine.status().role === 'leader';
  }

  private told(id: NodeId, output: Output<HashicorpMessage>): void {
    const name = (token: number) => this.tokens.get(token) ?? `request ${token}`;
    if (output.restore !== undefined) {
      this.say(
        `s${id} restores its state as of ${output.restore.index}: ${new TextDecoder().decode(contentBytes(output.restore.content))}`,
      );
    }
    for (const { token, count, firstIndex, term } of output.accepted) {
      const place = count === 1 ? `entry ${firstIndex}` : `entries ${firstIndex}–${firstIndex + count - 1}`;
      this.say(`s${id}: ${name(token)} became ${place} of term ${term}`);
    }
    for (const { token, reason, leader } of output.rejected)
      this.say(`s${id}: ${name(token)} ${refusal(reason, leader)}`);
    for (const read of output.reads) {
      const outcome = read.ok ? `may be answered once ${read.index} is applied` : refusal(read.reason, read.leader);
      this.say(`s${id}: ${name(read.token)} ${outcome}`);
    }
    for (const each of output.requests) {
      this.say(`s${id}: ${name(each.token)} ${each.ok ? 'done' : refusal(each.reason, each.leader)}`);
    }
    for (const event of output.events) {
      if (!ROUTINE_EVENTS.includes(event)) this.say(`s${id} event ${event}`);
    }
  }

  private describe({ id, up, engine, words }: VirtualServer): void {
    if (!up) {
      this.lines.push(`s${id} down`);
      return;
    }
    const { role, term, leader, commitIndex, lastIndex, configuration, peers } = engine.status();
    this.lines.push(
      `s${id} ${role} term ${term} leader ${leader} commit ${commitIndex} last ${lastIndex} ` +
        `${describeConfiguration(configuration)} state: ${words.join(' ')}`,
    );
    for (const peer of peers) {
      this.lines.push(`   s${peer.id} ${peer.state} match ${peer.matchIndex} next ${peer.nextIndex}`);
    }
  }

  private describeLog({ log }: VirtualServer): string {
    if (log.lastIndex < log.firstIndex) return `empty after ${log.firstIndex - 1}`;
    const entries = log.entries(log.firstIndex, log.lastIndex, Number.POSITIVE_INFINITY);
    return entries.map((entry) => `${entry.index}/${entry.term} ${describeEntry(entry)}`).join(', ');
  }
}

/** Told by the role lines, or of no interest to a reader. */
const ROUTINE_EVENTS: readonly string[] = ['preelection', 'election', 'becomeleader', 'startreplicate'];

function refusal(reason: string, leader: NodeId): string {
  return `refused: ${reason}${reason === 'not-leader' ? ` (leader ${leader})` : ''}`;
}

function describeConfiguration({ voters, learners }: Configuration): string {
  return learners.length === 0 ? `voters ${voters}` : `voters ${voters} non-voters ${learners}`;
}

function describeEntry(entry: Entry): string {
  if (entry.type === EntryType.Normal) return new TextDecoder().decode(entry.data);
  if (entry.type === EntryType.Reconf) return `[${describeConfiguration(decodeConfiguration(entry.data))}]`;
  return 'noop';
}

function describeMessage(message: HashicorpMessage): string {
  switch (message.type) {
    case 'append': {
      const { prevIndex, prevTerm, commit, entries } = message;
      const carried = entries.length === 0 ? 'nothing' : entries.map(describeEntry).join(' ');
      return `append after ${prevIndex}/${prevTerm}: ${carried}; commit ${commit}`;
    }
    case 'append-reply':
      return message.ok ? `holds ${message.index}` : `refuses the append, may match at ${message.index}`;
    case 'heartbeat':
      return `heartbeat ${message.round} of term ${message.term}`;
    case 'heartbeat-reply':
      return `answers heartbeat ${message.round} in term ${message.term}`;
    case 'vote': {
      const kind = message.preVote ? 'would vote' : message.transfer ? 'vote (transfer)' : 'vote';
      return `${kind} in term ${message.term}? log ends at ${message.lastIndex}/${message.lastTerm}`;
    }
    case 'vote-reply':
      return `${message.granted ? 'yes' : 'no'}${message.preVote ? ' (pre-vote)' : ''}, term ${message.term}`;
    case 'timeout-now':
      return 'stand for election now';
    case 'snapshot':
      return `snapshot of ${message.index}: ${message.offset}+${message.data.length} of ${message.total} bytes`;
    case 'snapshot-reply':
      return message.installed ? `holds snapshot ${message.index}` : `has ${message.received} bytes of the snapshot`;
  }
}
