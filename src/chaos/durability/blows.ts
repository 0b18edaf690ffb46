import { setTimeout as pause } from 'node:timers/promises';
import type { RunningCluster } from '../../supervisor/launcher.ts';
import type { Ends } from '../ends.ts';
import { foundWithin } from '../liveness.ts';
import type { FullDisks } from './fullDisks.ts';
import { type Blow, describeBlow } from './plan.ts';

/** What blows came to. */
export interface Struck {
  /** SIGKILLs, of one server or of all at once. */
  readonly kills: number;
  readonly killsOfLeader: number;
  readonly killsOfAll: number;
  /** Disks that were full, one by one. */
  readonly fills: number;
  /** Servers that ended because of that; the others had nothing to write meanwhile. */
  readonly endedFull: number;
}

export const NOT_STRUCK: Struck = { kills: 0, killsOfLeader: 0, killsOfAll: 0, fills: 0, endedFull: 0 };

export interface BlowOptions {
  /** Undefined where no disk is filled. */
  readonly disks: FullDisks | undefined;
  /** Told of each. */
  readonly tell: (line: string) => void;
  /** No more of them begin. */
  readonly stop: AbortSignal;
}

/** How long it is waited for that a server ends whose disk is full: one that writes nothing does not. */
const ENDS_MS_MAX = 2000;
/** How long a blow that is to hit the leader waits until there is one. */
const ELECTION_MS_MAX = 5000;
/** How long a server may take that is started on a full disk, until it is told that there is room. */
const STARTS_MS = 1000;
const POLL_MS = 10;

/** Carries out blows on a cluster of real processes, one after the other. Every server is started again when it is over. */
export class Blows {
  private readonly blows: readonly Blow[];
  private readonly cluster: RunningCluster;
  private readonly ends: Ends;
  private readonly options: BlowOptions;
  private counts = { ...NOT_STRUCK };

  constructor(blows: readonly Blow[], cluster: RunningCluster, ends: Ends, options: BlowOptions) {
    this.blows = blows;
    this.cluster = cluster;
    this.ends = ends;
    this.options = options;
  }

  get struck(): Struck {
    return this.counts;
  }

  /** Resolves once the last one is over. Throws ServerStateError where a server does not run that nobody ended. */
  async run(): Promise<void> {
    for (const blow of this.blows) {
      await pause(blow.afterMs);
      if (this.options.stop.aborted) return;
      const timeoutMs = blow.victim === 'leader' ? ELECTION_MS_MAX : 0;
      const leader = await foundWithin(timeoutMs, POLL_MS, () => this.cluster.leader());
      const hit = this.victims(blow, leader);
      this.options.tell(describeBlow(blow, hit));
      if (blow.kind === 'kill') await this.kill(blow, hit, leader);
      else await this.fill(blow, hit);
    }
  }

  /** Where nobody leads, a server in its place. */
  private victims({ victim, lastsMs }: Blow, leader: number | undefined): number[] {
    const ids = this.cluster.plan.servers.map(({ id }) => id);
    if (victim === 'all') return ids;
    return [victim === 'leader' ? (leader ?? ids[lastsMs % ids.length]!) : victim];
  }

  private async kill({ lastsMs, victim }: Blow, hit: readonly number[], leader: number | undefined): Promise<void> {
    for (const id of hit) {
      this.ends.expect(id, 'kill');
      this.cluster.kill(id, 'SIGKILL', { restart: false });
    }
    const { kills, killsOfLeader, killsOfAll, ...fills } = this.counts;
    this.counts = {
      ...fills,
      kills: kills + 1,
      killsOfLeader: killsOfLeader + (victim !== 'all' && hit[0] === leader ? 1 : 0),
      killsOfAll: killsOfAll + (victim === 'all' ? 1 : 0),
    };
    await pause(lastsMs);
    for (const id of hit) await this.startAgain(id);
  }

  private async startAgain(id: number): Promise<void> {
    await this.cluster.restart(id);
    this.ends.expectNone(id);
  }

  private async fill({ lastsMs, freeBytes }: Blow, hit: readonly number[]): Promise<void> {
    await Promise.all(
      hit.map(async (id) => {
        this.ends.expect(id, 'full disk');
        const makeRoom = await this.options.disks!.fill(this.cluster, id, freeBytes);
        const hasEnded = await this.endsWithin(id, ENDS_MS_MAX);
        this.counts = {
          ...this.counts,
          fills: this.counts.fills + 1,
          endedFull: this.counts.endedFull + (hasEnded ? 1 : 0),
        };
        await pause(lastsMs);
        if (hasEnded) await this.startFull(id);
        await makeRoom();
        await this.startAgain(id);
      }),
    );
  }

  /** It has no room, so it ends again, or waits for it with what it has. */
  private async startFull(id: number): Promise<void> {
    this.cluster.startServer(id, 'data');
    await this.endsWithin(id, STARTS_MS);
  }

  private async endsWithin(id: number, timeoutMs: number): Promise<boolean> {
    const hasEnded = () => (this.cluster.pids().has(id) ? undefined : true);
    return (await foundWithin(timeoutMs, POLL_MS, hasEnded)) ?? false;
  }
}
