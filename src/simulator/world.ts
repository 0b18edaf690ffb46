import { checkHistory } from '../checker/check.ts';
import { HistoryRecorder } from '../checker/history.ts';
import { type KeyValueInput, type KeyValueOutput, keyValueModel } from '../checker/models/keyValue.ts';
import { Role } from '../consensus/contract.ts';
import type { EngineEntry } from '../consensus/engineEntry.ts';
import type { Measurements } from '../scenarios/measure.ts';
import { Census, type CountedKind } from './census.ts';
import { ChunkWatch } from './chunkWatch.ts';
import { ClientLinks } from './clientLinks.ts';
import { DeadServers } from './deadServers.ts';
import { DeafLeader } from './deafLeader.ts';
import type { Reached } from './explore/reached.ts';
import { StateWatch } from './explore/stateWatch.ts';
import { Founding } from './founding.ts';
import { Judge } from './invariants/judge.ts';
import type { Mutation } from './mutation.ts';
import { Nemesis } from './nemesis.ts';
import { drawPlan, type Plan } from './plan.ts';
import { Random } from './random.ts';
import type { Twist } from './runName.ts';
import { type ScenarioRun, scenarioPlan } from './scenario/scenarioPlan.ts';
import { VirtualPlay } from './scenario/virtualPlay.ts';
import { StrayClient } from './strayClient.ts';
import { StrayPeer } from './strayPeer.ts';
import type { Surroundings } from './surroundings.ts';
import { Timeline } from './timeline.ts';
import { Trace } from './trace.ts';
import { type Invariant, InvariantViolation } from './violation.ts';
import { VirtualClient } from './virtualClient.ts';
import { FIRST_CLIENT, VirtualNetwork } from './virtualNetwork.ts';
import { VirtualServer } from './virtualServer.ts';
import { VirtualTeller } from './virtualTeller.ts';

export interface RunOptions {
  /** Receives the trace, line by line. */
  readonly print?: (line: string) => void;
  /** For tests: a deliberate mistake. */
  readonly mutation?: Mutation;
  /** For tests: changes what the seed drew. */
  readonly adjust?: (plan: Plan) => Plan;
  /** Where the run leaves what the seed would draw. */
  readonly twists?: readonly Twist[];
  /** Notes which combinations of states the run reaches. */
  readonly watches?: boolean;
  /** Plays this instead of what the seed would draw; chance is left to messages, disks and timers. */
  readonly play?: ScenarioRun | undefined;
}

/** How one seed's run went. A plain value: it crosses threads. */
export interface RunReport {
  readonly seed: number;
  readonly twists: readonly Twist[];
  readonly engine: string;
  readonly violation: { readonly invariant: Invariant; readonly message: string; readonly stack: string } | undefined;
  readonly traceHash: string;
  readonly isDense: boolean;
  readonly virtualSeconds: number;
  readonly steps: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly committed: number;
  readonly leaderships: number;
  readonly counts: readonly (readonly [CountedKind, number])[];
  /** Empty where nobody watched. */
  readonly reached: readonly Reached[];
  /** Of a scenario. */
  readonly measurements: Measurements | undefined;
}

/** Runs one seed. Everything in it follows from the arguments. */
export function runSeed(engine: EngineEntry, seed: number, options: RunOptions = {}): RunReport {
  const drawn = options.play === undefined ? drawPlan(seed) : scenarioPlan(seed, options.play);
  // A plan is put together in many ways. Copied, its parts have one shape in all runs, which is what their readers are compiled for.
  const plan = structuredClone(options.adjust?.(drawn) ?? drawn);
  const world = new World(engine, plan, options);
  let violation: RunReport['violation'];
  try {
    world.run();
  } catch (error) {
    violation = describeViolation(error);
  }
  return world.report(violation);
}

/** Whatever ended a run early is a failure of its seed, a defect of the simulator included. */
function describeViolation(error: unknown): RunReport['violation'] {
  const violation =
    error instanceof InvariantViolation
      ? error
      : new InvariantViolation('no exception', 'outside of all servers', { cause: error });
  const cause = violation.cause instanceof Error ? `\ncaused by ${violation.cause.stack}` : '';
  return { invariant: violation.invariant, message: violation.message, stack: `${violation.stack}${cause}` };
}

class World {
  private readonly around: Surroundings;
  private readonly timeline = new Timeline();
  private readonly history = new HistoryRecorder<KeyValueInput, KeyValueOutput>();
  private readonly servers: VirtualServer[] = [];
  private readonly clients: (VirtualClient | VirtualTeller)[] = [];
  private readonly clientLinks: ClientLinks;
  private readonly strays: readonly (StrayClient | StrayPeer)[];
  private readonly nemesis: Nemesis;
  private readonly play: VirtualPlay | undefined;
  private readonly watch: StateWatch | undefined;
  private readonly twists: readonly Twist[];
  private twisted = 0;

  constructor(engine: EngineEntry, plan: Plan, options: RunOptions) {
    const { print, mutation = {}, twists = [], watches = false } = options;
    const timeline = this.timeline;
    const random = new Random(plan.seed);
    const trace = new Trace(timeline, print);
    const census = new Census();
    const network = new VirtualNetwork(timeline, random.fork('network'), census, trace, plan.network);
    this.around = {
      plan,
      engine,
      mutation,
      timeline,
      random,
      network,
      trace,
      census,
      judge: new Judge(engine.changesWhenCommitted),
      promises: engine.promises(),
      chunks: new ChunkWatch(census),
    };
    for (let id = 1; id <= plan.serverCount; id++) this.servers.push(new VirtualServer(id, this.around));
    const peers = new Map(this.servers.map((server) => [server.id, server]));
    for (const server of this.servers) server.peers = peers;
    const endpoints = Array.from({ length: plan.clients.count }, (_, i) => FIRST_CLIENT + i);
    this.strays = [new StrayClient(this.around, this.servers), new StrayPeer(this.around, this.servers)];
    if (options.play === undefined) {
      const teller = new VirtualTeller(FIRST_CLIENT + plan.clients.count, this.around, this.servers);
      const clients = endpoints.map((at) => new VirtualClient(at, this.around, this.servers, this.history));
      this.clients.push(...clients, teller);
      endpoints.push(teller.endpoint);
    }
    this.clientLinks = new ClientLinks(this.around, this.clients, this.servers);
    this.nemesis = new Nemesis(this.around, this.servers, endpoints);
    const { play } = options;
    this.play = play === undefined ? undefined : new VirtualPlay(play, this.around, this.servers, this.history);
    this.twists = twists;
    this.watch = watches ? new StateWatch(this.around, this.servers) : undefined;
    trace.noted = this.watch?.noted.bind(this.watch);
  }

  /** Throws InvariantViolation. */
  run(): void {
    const { plan, trace } = this.around;
    trace.note('world', 'plan', () => describePlan(plan));
    if (this.play === undefined) this.suffer();
    else this.perform(this.play);
    this.converge();
    this.checkHistory();
    trace.note('world', 'end');
  }

  /** What the seed has drawn, and then service without faults. */
  private suffer(): void {
    const { plan, trace } = this.around;
    if (plan.founding) new Founding(this.around, this.servers).start();
    else for (const server of this.servers) server.start();
    for (const client of this.clients) client.start();
    for (const stray of this.strays) stray.start();
    this.nemesis.start();
    this.clientLinks.start();
    this.runUntil(plan.chaosUs);
    this.nemesis.heal();
    this.clientLinks.heal();
    trace.note('world', 'heal');
    this.serve();
  }

  /** A scenario, and then service without its faults. */
  private perform(play: VirtualPlay): void {
    const { trace } = this.around;
    play.start();
    while (!play.isOver) this.step();
    play.heal();
    trace.note('world', 'heal');
    const before = play.servedLeast;
    this.stepUntil(
      () => play.servedLeast >= before + OPERATIONS_AFTER_HEALING_MIN,
      this.recoveryBoundUs,
      () => `a client was not served (${this.describeServers()})`,
    );
    play.rest();
    const isAnswered = () => play.inFlight === 0;
    this.stepUntil(isAnswered, this.recoveryBoundUs, () => 'operations are unanswered');
    play.read();
    this.stepUntil(isAnswered, this.recoveryBoundUs, () => 'reads are unanswered');
  }

  private runUntil(timeUs: number): void {
    const { timeline } = this.around;
    let isDue = false;
    timeline.at(timeUs, () => {
      isDue = true;
    });
    while (!isDue) this.step();
  }

  private step(): void {
    if (!this.timeline.step()) throw new InvariantViolation('liveness', 'nothing is left to happen');
    if (this.timeline.steps > STEPS_MAX) {
      throw new InvariantViolation('liveness', `the cluster is still busy after ${STEPS_MAX} events`);
    }
    this.watch?.observe();
    if (this.twists[this.twisted]?.afterSteps === this.timeline.steps) this.twist();
  }

  private twist(): void {
    const { random, trace } = this.around;
    const { variation } = this.twists[this.twisted++]!;
    random.vary(variation);
    trace.note('world', 'twist', () => `into variation ${variation}`);
  }

  /** Steps until `isDone`; past `boundUs` the cluster counts as stuck. */
  private stepUntil(isDone: () => boolean, boundUs: number, what: () => string): void {
    const { timeline } = this.around;
    const deadlineUs = timeline.nowUs + boundUs;
    while (!isDone()) {
      if (timeline.nowUs > deadlineUs) {
        throw new InvariantViolation('liveness', `${boundUs / 1e6} s after the faults ended ${what()}`);
      }
      this.step();
    }
  }

  /** The healed cluster must elect a leader and answer every client, again and again. */
  private serve(): void {
    const { plan, timeline } = this.around;
    for (const client of this.clients) client.bePatient();
    this.expectProgress(this.recoveryBoundUs);
    const takesPart = (server: VirtualServer) => server.isRunning && server.remembers;
    this.stepUntil(
      () => this.servers.every(takesPart),
      this.recoveryBoundUs,
      () => `a server that lost its folder was not admitted again (${this.describeServers()})`,
    );
    if (plan.deafLeader) this.deafen();
    if (plan.deadServers) this.operateAmongTheDead();
    const isLongEnough = () => timeline.nowUs >= plan.runMinUs && this.operations >= plan.operationsMin;
    this.stepUntil(isLongEnough, SERVING_BOUND_US, () => `the clients have finished ${this.operations} operations`);
    for (const client of this.clients) client.rest();
    for (const stray of this.strays) stray.rest();
    const isAnswered = () => this.clients.every((client) => client.inFlight === 0);
    this.stepUntil(isAnswered, this.recoveryBoundUs, () => 'operations are unanswered');
  }

  /** Every client is served within the bound. */
  private expectProgress(boundUs: number): void {
    const before = this.clients.map((client) => client.succeeded);
    const hasProgress = () =>
      this.clients.every((client, i) => client.succeeded >= before[i]! + OPERATIONS_AFTER_HEALING_MIN);
    // A client that thinks waits for nobody. Its thoughts are of exponential length: two together outlast this once in half a million.
    const thinkingUs = OPERATIONS_AFTER_HEALING_MIN * THINKING_MEANS_MAX * this.around.plan.clients.thinkMeanUs;
    this.stepUntil(hasProgress, boundUs + thinkingUs, () => {
      const waiting = this.clients.filter((client, i) => client.succeeded === before[i]!).length;
      return `${waiting} of ${this.clients.length} clients were not served (${this.describeServers()})`;
    });
  }

  /** What was asked for while some are away must leave a cluster that serves without them. */
  private operateAmongTheDead(): void {
    const { judge, network } = this.around;
    // What the faults left to be done may make a majority of what is a minority now.
    const leads = ({ id }: VirtualServer) => judge.server(id).isLeader;
    const isChanging = (server: VirtualServer) => leads(server) && server.isChangingMembers;
    this.stepUntil(
      () => !this.servers.some(isChanging),
      this.recoveryBoundUs,
      () => `a change of the members is neither done nor refused (${this.describeServers()})`,
    );
    this.runUntil(network.allArrivedUs);
    // Only a leader says who votes, and so how many may be away.
    this.stepUntil(
      () => this.servers.some(leads) && !this.servers.some(isChanging),
      this.recoveryBoundUs,
      () => `nobody leads, or a change of the members is not over (${this.describeServers()})`,
    );
    const dead = new DeadServers(this.around, this.servers);
    while (!dead.isOver()) this.step();
    // A client may ask everybody who is away before it finds the one who leads.
    this.expectProgress(this.servers.length * this.recoveryBoundUs);
    dead.revive();
  }

  /** The one fault that comes when all others are over: what it does to service shows only where nothing else does. */
  private deafen(): void {
    // What the faults held up arrives, and is written, as late as they made it.
    const settledUs = this.servers.map(({ disk }) => disk.writtenUs);
    this.runUntil(Math.max(this.around.network.allArrivedUs, ...settledUs));
    // Only then does leave what waited for such a write, votes among it: who stood while its disk stalled is terms ahead, takes others there, and
    // whoever could lead learns of it by standing in vain. Those waits are of the fault before, and may outlast what is granted to this one.
    this.stepUntil(
      () => this.isOfOneTerm,
      this.recoveryBoundUs,
      () => `the members are not of one term (${this.describeServers()})`,
    );
    const deaf = DeafLeader.of(this.around, this.servers);
    if (deaf === undefined) return;
    while (!deaf.isOver()) this.step();
    deaf.mend();
  }

  /** Within this time of the last fault clients are served: elections, back-offs and one attempt's timeout, and its doublings, generously. */
  private get recoveryBoundUs(): number {
    const { settings, clients, foundingDistanceUs } = this.around.plan;
    const foundingUs = FOUNDING_ROUND_TRIPS * 2 * foundingDistanceUs;
    return 30 * settings.electionTimeoutMs * 1000 + 30 * clients.attemptTimeoutUs + foundingUs + 5_000_000;
  }

  /** A server that lacks everything may fetch it in the smallest of steps, each at the pace of heartbeats. */
  private get catchUpBoundUs(): number {
    const { settings, network, disk } = this.around.plan;
    const stepUs =
      2 * settings.heartbeatMs * 1000 +
      4 * (network.delayMinUs + network.delayMeanUs) +
      2 * (disk.syncMinUs + disk.syncMeanUs);
    const entriesPerStep = Math.min(
      settings.entriesPerMessage * settings.catchUpMultiplier,
      Math.max(1, Math.floor(settings.maxMessageBytes / RECORD_BYTES)),
    );
    return Math.ceil(this.around.judge.committed.length / entriesPerStep) * stepUs;
  }

  /** Every member must apply everything that is committed, and have the same state. */
  private converge(): void {
    const { judge } = this.around;
    this.stepUntil(
      () => this.hasConverged(),
      this.recoveryBoundUs + this.catchUpBoundUs,
      () => `not every member has applied ${judge.committed.length} entries (${this.describeServers()})`,
    );
    for (const { id, stateMachine } of this.members) judge.checkConverged(id, stateMachine!);
    for (const { id } of this.servers) judge.checkLeads(id);
  }

  private hasConverged(): boolean {
    const { length } = this.around.judge.committed;
    const members = this.members;
    return members.length > 0 && members.every((server) => this.around.judge.server(server.id).applied === length);
  }

  /** Who belongs to the cluster, as the leader sees it; nobody while there is no leader. */
  private get members(): VirtualServer[] {
    const { judge } = this.around;
    let term = 0;
    let members: VirtualServer[] = [];
    for (const server of this.servers) {
      const record = judge.server(server.id);
      if (record.role !== Role.Leader || !record.isRunning || record.term <= term) continue;
      term = record.term;
      const { voters = [], learners = [] } = record.configuration ?? {};
      members = this.servers.filter(({ id }) => voters.includes(id) || learners.includes(id));
    }
    return members;
  }

  /** Whether all members are of the same term. */
  private get isOfOneTerm(): boolean {
    const terms = this.members.map(({ id }) => this.around.judge.server(id).term);
    return new Set(terms).size === 1;
  }

  private describeServers(): string {
    const describe = (server: VirtualServer) => {
      const status = server.status();
      if (status === undefined) return `${server.id} down`;
      const { role, term, leader, commitIndex, appliedIndex, lastIndex, configuration } = status;
      return `${server.id} ${role} term ${term} leader ${leader} log ${lastIndex} commit ${commitIndex} applied ${appliedIndex} voters ${configuration.voters.join()}`;
    };
    return this.servers.map(describe).join('; ');
  }

  private checkHistory(): void {
    const report = checkHistory(keyValueModel, this.history.operations());
    if (report.verdict === 'unknown')
      throw new InvariantViolation('linearizability', 'the history could not be decided');
    if (report.verdict === 'illegal') {
      const [{ key, operations }] = [report.illegal[0]!];
      const text = operations.map(({ client, input, output, recorded }) => {
        const interval = `[${recorded?.invokeTime} ${recorded?.returnTime ?? '…'}]`;
        return `${interval} client ${client}: ${keyValueModel.describe(input, output)}`;
      });
      throw new InvariantViolation('linearizability', `of the history of key ${key}:\n${text.join('\n')}`);
    }
  }

  private get operations(): number {
    return this.clients.reduce((sum, client) => sum + client.finished, 0);
  }

  report(violation: RunReport['violation']): RunReport {
    const { plan, engine, trace, census, judge, timeline } = this.around;
    return {
      seed: plan.seed,
      twists: this.twists,
      engine: engine.kind.name,
      violation,
      traceHash: trace.hash,
      isDense: plan.pace > 1,
      virtualSeconds: timeline.nowUs / 1e6,
      steps: timeline.steps,
      operations: this.operations + (this.play?.operations ?? 0),
      acknowledged: this.clients.reduce((sum, client) => sum + client.succeeded, 0),
      committed: judge.committed.length,
      leaderships: judge.leaderships,
      counts: [...census.counts],
      reached: this.watch?.reached ?? [],
      measurements: violation === undefined ? this.play?.measurements : undefined,
    };
  }
}

function describePlan(plan: Plan): string {
  return JSON.stringify(plan, (_key, value: unknown) => (value instanceof Map ? Object.fromEntries(value) : value));
}

/** Rounds that find out how long an answer takes, two that found, two that join, one that tells the others; and as many again. */
const FOUNDING_ROUND_TRIPS = 20;
const OPERATIONS_AFTER_HEALING_MIN = 2;
/** An operation comes after a thought that is this many times as long as usual at most. */
const THINKING_MEANS_MAX = 8;
const SERVING_BOUND_US = 240_000_000;
/** More than a client's command takes in a log. */
const RECORD_BYTES = 60;
/** A minute of seven servers is some 60 000 events. */
const STEPS_MAX = 5_000_000;
