import type { Random } from './random.ts';
import type { Surroundings } from './surroundings.ts';
import type { VirtualServer } from './virtualServer.ts';

/**
 * The first seconds of a cluster that is founded in the run: its servers start one after the other, some of them late; some crash
 * before they take part, some come back empty. So few come back empty that the others are a majority: whoever began knows them by
 * the folders that they had, and only a leader can admit them.
 */
export class Founding {
  private readonly around: Surroundings;
  private readonly random: Random;
  private readonly servers: readonly VirtualServer[];
  private readonly emptied = new Set<VirtualServer>();

  constructor(around: Surroundings, servers: readonly VirtualServer[]) {
    this.around = around;
    this.random = around.random.fork('founding');
    this.servers = servers;
  }

  start(): void {
    const { plan, network } = this.around;
    if (plan.foundingDistanceUs > 0) {
      network.setDistance(plan.foundingDistanceUs);
      this.comeNear();
    }
    for (const server of this.servers) {
      this.at(this.random.chance(0.5) ? TOGETHER_MEAN_US : LATE_MEAN_US, () => server.start());
      while (this.random.chance(0.4)) this.at(TROUBLE_MEAN_US, () => this.crash(server));
      if (this.random.chance(0.4)) this.at(TROUBLE_MEAN_US, () => this.empty(server));
    }
  }

  /** Once most initial members took part. Who lost his folder needs a leader, which nobody can become so far apart. */
  private comeNear(): void {
    const { network, census, trace, timeline, plan } = this.around;
    const parts = this.servers.filter(({ id, hasTakenPart }) => hasTakenPart && plan.bootstrap.includes(id));
    if (parts.length <= plan.bootstrap.length / 2) {
      timeline.after(LOOK_US, () => this.comeNear());
      return;
    }
    census.count('founded far apart');
    trace.note('network', 'comes near');
    network.setDistance(0);
  }

  /** The nemesis takes over once everybody took part. */
  private get isOver(): boolean {
    const { bootstrap } = this.around.plan;
    return this.servers.every(({ id, hasTakenPart }) => hasTakenPart || !bootstrap.includes(id));
  }

  private crash(server: VirtualServer): void {
    if (this.isOver) return;
    server.crash('crash between events');
    this.at(DOWN_MEAN_US, () => server.start());
  }

  private empty(server: VirtualServer): void {
    const { bootstrap } = this.around.plan;
    const emptiedMax = bootstrap.includes(server.id) ? Math.floor((bootstrap.length - 1) / 2) : bootstrap.length;
    if (this.isOver || (this.emptied.size >= emptiedMax && !this.emptied.has(server))) return;
    this.emptied.add(server);
    server.crash('crash between events');
    this.around.census.count('folder lost in the founding');
    this.around.trace.note('nemesis', 'lost folder', () => `server ${server.id}, in the founding`);
    server.loseFolder();
    this.at(DOWN_MEAN_US, () => server.start());
  }

  private at(meanUs: number, run: () => void): void {
    this.around.timeline.after(this.random.exponential(meanUs), run);
  }
}

const LOOK_US = 100_000;
const TOGETHER_MEAN_US = 100_000;
const LATE_MEAN_US = 3_000_000;
const TROUBLE_MEAN_US = 2_500_000;
const DOWN_MEAN_US = 500_000;
