import { ChangeType, type MembershipChange, type NodeId, Role } from '../consensus/contract.ts';
import type { AimedCrash, CrashKind } from './aimedCrashes.ts';
import { UNANSWERED } from './deadServers.ts';
import { FolderFaults } from './folderFaults.ts';
import type { Strike } from './plan.ts';
import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { Partition } from './virtualNetwork.ts';
import type { VirtualServer } from './virtualServer.ts';

const AIMED_CRASHES: readonly AimedCrash[] = [
  'crash inside a turn',
  'crash with a write pending',
  'crash right after a sync',
];

/** Brings the plan's faults upon the cluster until it is told to heal it. */
export class Nemesis {
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly servers: readonly VirtualServer[];
  private readonly clients: readonly number[];
  private readonly folders: FolderFaults;
  private isOver = false;

  constructor(around: Surroundings, servers: readonly VirtualServer[], clients: readonly number[]) {
    this.around = around;
    this.random = around.random.fork('nemesis');
    this.servers = servers;
    this.clients = clients;
    this.folders = new FolderFaults(around, this.random, servers, (server) => this.restartLater(server));
    for (const server of servers) server.onDown = () => this.restartLater(server);
  }

  start(): void {
    for (const [strike, meanUs] of this.around.plan.strikes) this.schedule(strike, meanUs);
  }

  private schedule(strike: Strike, meanUs: number): void {
    this.around.timeline.after(this.random.exponential(meanUs), () => {
      if (this.isOver) return;
      this.strike(strike);
      this.schedule(strike, meanUs);
    });
  }

  private strike(strike: Strike): void {
    switch (strike) {
      case 'partition':
        this.partition();
        break;
      case 'clog':
        this.clog();
        break;
      case 'crash':
        this.crash('crash between events');
        break;
      case 'aimed crash':
        this.victim()?.aim(this.random.pick(AIMED_CRASHES));
        break;
      case 'vote crash':
        this.victim()?.aim('crash with a vote pending');
        break;
      case 'crash of all':
        for (const server of this.servers) this.crashOne(server, 'crash of the whole cluster');
        break;
      case 'lost tail':
        this.loseTail();
        break;
      case 'lost folder':
        this.folders.lose();
        break;
      case 'backup':
        this.folders.backUp();
        break;
      case 'foreign folder':
        this.folders.mistake();
        break;
      case 'graceful stop':
        this.stop();
        break;
      case 'quick restart':
        this.restartQuickly();
        break;
      case 'pause':
        this.pause();
        break;
      case 'slow disk':
      case 'stalled disk':
      case 'full disk':
      case 'read error':
        this.spoilDisk(strike);
        break;
      case 'clock jump':
        this.jump();
        break;
      case 'membership change':
        this.changeMembership();
        break;
      case 'leadership transfer':
        this.transfer();
        break;
    }
  }

  /** Ends every fault, and starts every server. */
  heal(): void {
    this.isOver = true;
    this.folders.endEarlier();
    this.around.network.heal();
    for (const server of this.servers) {
      server.spare();
      server.disk.heal();
      server.disk.putBackTail();
      server.clock.setRate(1);
      server.resume();
      if (server.folder.misplaced !== undefined) server.mend();
      else if (!server.folder.isHonest) server.rejoins = true;
      if (server.folder.misplaced !== undefined) server.endProcess();
      server.start();
    }
  }

  /** A running server, now and then with a preference for the leader. */
  private victim(): VirtualServer | undefined {
    const running = this.servers.filter((server) => server.isRunning && !server.isPaused);
    if (running.length === 0) return undefined;
    if (!this.random.chance(0.4)) return this.random.pick(running);
    return this.leader() ?? this.random.pick(running);
  }

  /** Who leads the highest term, as far as anyone can tell. */
  private leader(): VirtualServer | undefined {
    let leader: VirtualServer | undefined;
    let term = 0;
    for (const server of this.servers) {
      if (!server.isRunning || server.isPaused) continue;
      const status = server.status()!;
      if (status.role !== Role.Leader || status.term < term) continue;
      leader = server;
      term = status.term;
    }
    return leader;
  }

  // --- network ---

  private partition(): void {
    const partition = this.drawPartition();
    const mend = this.around.network.cut(partition);
    this.note(partition.kind, () => partition.pairs.map(([from, to]) => `${from}→${to}`).join(' '));
    this.around.timeline.after(this.lasting(PARTITION_MEAN_US), () => {
      mend();
      if (!this.isOver) this.note('partition ends');
    });
  }

  private drawPartition(): Partition {
    const random = this.random;
    const ids = this.servers.map((server) => server.id);
    const leader = this.leader();
    const endpoints = random.chance(0.5) ? [...ids, ...this.clients] : ids;
    const isAlone = random.chance(0.5);
    const side = new Set<number>();
    if (isAlone) side.add(leader !== undefined && random.chance(0.6) ? leader.id : random.pick(ids));
    else for (const id of endpoints) if (random.chance(0.5)) side.add(id);
    const pairs: [number, number][] = [];
    for (const a of endpoints) {
      for (const b of endpoints) if (a !== b && side.has(a) && !side.has(b)) pairs.push([a, b]);
    }
    const back = pairs.map(([a, b]): [number, number] => [b, a]);
    const kind = random.int(3);
    if (kind === 0) return { kind: 'symmetric partition', pairs: [...pairs, ...back] };
    if (kind === 1) return { kind: 'one-way partition', pairs: random.chance(0.5) ? pairs : back };
    const some = pairs.filter(() => random.chance(0.5));
    return { kind: 'partial partition', pairs: [...some, ...some.map(([a, b]): [number, number] => [b, a])] };
  }

  private clog(): void {
    const from = this.random.pick(this.servers).id;
    const to = this.random.pick(this.servers).id;
    if (from === to) return;
    this.note('clog', () => `${from}→${to}`);
    const release = this.around.network.clog(from, to);
    this.around.timeline.after(this.lasting(CLOG_MEAN_US), () => {
      release();
      if (!this.isOver) this.note('clog ends', () => `${from}→${to}`);
    });
  }

  // --- servers ---

  private crash(kind: CrashKind): void {
    const starting = this.servers.filter((server) => server.isUp && !server.isRunning);
    const isEarly = starting.length > 0 && this.random.chance(0.5);
    const victim = isEarly ? this.random.pick(starting) : this.victim();
    if (victim !== undefined) this.crashOne(victim, kind);
  }

  private crashOne(server: VirtualServer, kind: CrashKind): void {
    if (!server.isUp) return;
    server.crash(kind);
    this.restartLater(server);
  }

  /** The server must refuse to start until somebody puts back what it lost. */
  private loseTail(): void {
    const victim = this.victim();
    if (victim === undefined) return;
    victim.crashAndLoseTail();
    this.restartLater(victim);
    this.around.timeline.after(this.lasting(TAIL_LOST_MEAN_US), () => victim.disk.putBackTail());
  }

  private stop(): void {
    const victim = this.victim();
    if (victim === undefined) return;
    victim.stop();
    this.restartLater(victim);
  }

  private restartLater(server: VirtualServer): void {
    const meanUs = this.random.pick(DOWN_MEANS_US);
    this.around.timeline.after(this.lasting(meanUs), () => {
      if (server.isRunning) return;
      // Whoever restarts a server whose disk was full has made room.
      server.disk.isFull = false;
      server.start();
    });
  }

  /**
   * One cannot hear the leader and asks another for its vote, which comes up again at that moment, without a word of the leader: what that
   * one promised before it went down is all that keeps a second one from being elected.
   */
  private restartQuickly(): void {
    const leader = this.leader();
    const others = this.random.shuffled(this.servers.filter((server) => server !== leader && server.isRunning));
    const [promising, asking] = others;
    if (leader === undefined || promising === undefined || asking === undefined) return;
    const timeoutUs = this.around.plan.settings.electionTimeoutMs * 1000;
    const { network, timeline } = this.around;
    const cut = (from: VirtualServer) => {
      const pairs: [number, number][] = [
        [from.id, leader.id],
        [leader.id, from.id],
      ];
      const mend = network.cut({ kind: 'partial partition', pairs });
      timeline.after(4 * timeoutUs, mend);
    };
    cut(asking);
    timeline.after(this.random.between(timeoutUs, 3 * timeoutUs), () => {
      if (this.isOver || !promising.isRunning) return;
      this.note('quick restart', () => `server ${promising.id}`);
      promising.stop();
      timeline.after(this.random.between(1, timeoutUs / 8), () => promising.start());
      // Before it takes part it has to hear the others.
      const cutOnceRunning = () => {
        if (promising.isRunning) cut(promising);
        else if (!this.isOver) timeline.after(LOOK_US, cutOnceRunning);
      };
      timeline.after(timeoutUs / 8, cutOnceRunning);
    });
  }

  private pause(): void {
    const victim = this.victim();
    if (victim === undefined) return;
    victim.pause();
    this.around.timeline.after(this.lasting(PAUSE_MEAN_US), () => victim.resume());
  }

  private spoilDisk(how: 'slow disk' | 'stalled disk' | 'full disk' | 'read error'): void {
    const { disk, id } = this.random.pick(this.servers);
    const durationUs = this.lasting(DISK_TROUBLE_MEAN_US);
    this.note(how, () => `server ${id} for ${(durationUs / 1e6).toFixed(3)} s`);
    if (how === 'slow disk') disk.slowness = this.random.pick([5, 20, 100]);
    else if (how === 'stalled disk') disk.stalledUntilUs = this.around.timeline.nowUs + durationUs;
    else if (how === 'full disk') disk.isFull = true;
    else disk.readErrorChance = this.random.pick([0.1, 1]);
    this.around.timeline.after(durationUs, () => {
      if (how === 'slow disk') disk.slowness = 1;
      else if (how === 'full disk') disk.isFull = false;
      else if (how === 'read error') disk.readErrorChance = 0;
    });
  }

  private jump(): void {
    const server = this.random.pick(this.servers);
    const aheadUs = this.lasting(CLOCK_JUMP_MEAN_US);
    this.around.census.count('clock jump');
    this.note('clock jump', () => `server ${server.id} by ${(aheadUs / 1e6).toFixed(3)} s`);
    server.clock.jump(aheadUs);
    if (server.clock.rate !== 1 && this.random.chance(0.3)) server.clock.setRate(0.8 + this.random.next() * 0.45);
  }

  // --- operators ---

  /** Mostly a change that makes sense, at the leader; sometimes neither. */
  private changeMembership(): void {
    // It could leave those that remember without a majority.
    if (this.servers.some((server) => !server.remembers)) return;
    const server = this.random.chance(0.85) ? this.leader() : this.victim();
    const status = server?.status();
    if (server === undefined || status === undefined || server.isPaused) return;
    const change = this.drawChange(status.configuration.voters, status.configuration.learners);
    const { census } = this.around;
    const what = `${change.type} ${change.id}`;
    this.note('operator', () => `asks server ${server.id}: ${what}`);
    server.reconfigure(change, (result) => {
      this.note('operator', () => `${what}: ${result.ok ? 'done' : result.reason}`);
      if (!result.ok && UNANSWERED.has(result.reason)) census.count('change refused: no answer');
      if (!result.ok) census.count('membership change refused');
      else if (change.type === ChangeType.Remove)
        census.count(change.id === server.id ? 'leader removed' : 'server removed');
      else if (change.type === ChangeType.AddLearner) census.count('learner added');
      else if (change.type === ChangeType.Demote) census.count('voter demoted');
      else census.count('server added');
    });
  }

  private drawChange(voters: readonly NodeId[], learners: readonly NodeId[]): MembershipChange {
    const random = this.random;
    const any = random.pick(this.servers).id;
    if (random.chance(0.05)) return { type: random.pick(Object.values(ChangeType)), id: any };
    const hasLearners = this.around.engine.learners;
    if (random.chance(0.1)) return { type: ChangeType.AddVoter, id: random.pick(this.absent()) };
    const outside = this.servers.map((server) => server.id).filter((id) => !voters.includes(id));
    if (outside.length > 0 && random.chance(0.55)) {
      const id = random.pick(outside);
      const asLearner = hasLearners && !learners.includes(id) && random.chance(0.4);
      return { type: asLearner ? ChangeType.AddLearner : ChangeType.AddVoter, id };
    }
    const id = random.pick(voters.length > 0 ? voters : [any]);
    if (hasLearners && random.chance(0.3)) return { type: ChangeType.Demote, id };
    return { type: ChangeType.Remove, id };
  }

  /** Servers that do not run, and one that never does. */
  private absent(): NodeId[] {
    const down = this.servers.filter((server) => !server.isRunning).map((server) => server.id);
    return [...down, this.around.plan.serverCount + 1];
  }

  /** 0: anyone. */
  private drawTarget(): NodeId {
    if (this.random.chance(0.2)) return 0;
    return this.random.chance(0.2) ? this.random.pick(this.absent()) : this.random.pick(this.servers).id;
  }

  private transfer(): void {
    const leader = this.random.chance(0.9) ? this.leader() : this.victim();
    if (leader === undefined) return;
    const to = this.drawTarget();
    this.note('operator', () => `asks server ${leader.id} to hand over to ${to || 'anyone'}`);
    leader.transferLeadership(to, (result) => {
      this.note('operator', () => `transfer to ${to || 'anyone'}: ${result.ok ? 'done' : result.reason}`);
      if (!result.ok && UNANSWERED.has(result.reason)) this.around.census.count('transfer refused: no answer');
      this.around.census.count(result.ok ? 'leadership transferred' : 'leadership transfer refused');
    });
  }

  /** How long something lasts that usually takes so long. */
  private lasting(meanUs: number): number {
    return this.random.exponential(meanUs / this.around.plan.pace);
  }

  private note(what: string, detail?: () => string): void {
    this.around.trace.note('nemesis', what, detail);
  }
}

const LOOK_US = 200;
const PARTITION_MEAN_US = 3_000_000;
const CLOG_MEAN_US = 1_500_000;
const DOWN_MEANS_US = [100_000, 1_000_000, 4_000_000];
const PAUSE_MEAN_US = 1_200_000;
const DISK_TROUBLE_MEAN_US = 2_000_000;
const TAIL_LOST_MEAN_US = 5_000_000;
const CLOCK_JUMP_MEAN_US = 800_000;
