import { fateOf, Lane, type LaneWatcher, type LinkCondition } from '../faults/lane.ts';
import type { Census, FaultKind } from './census.ts';
import type { NetworkPlan } from './plan.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';
import type { Trace } from './trace.ts';

/** Servers are endpoints 1 to 7, who is none of all is 0; clients follow, then the earlier processes of servers. */
export const ENDPOINTS_MAX = 24;
export const STRANGER = 0;
export const FIRST_CLIENT = 8;
export const FIRST_EARLIER = 16;

export type PartitionKind = Extract<FaultKind, 'symmetric partition' | 'one-way partition' | 'partial partition'>;

/** Pairs of endpoints that cannot reach each other, in this direction. */
export interface Partition {
  readonly kind: PartitionKind;
  readonly pairs: readonly (readonly [from: number, to: number])[];
}

/**
 * Carries messages between endpoints with delay, loss, duplication and reordering as planned, through partitions and
 * clogged links. Faults on purpose stand before it, at their servers (virtualFaults.ts). Loopback does not exist: nobody sends to himself.
 */
export class VirtualNetwork {
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly census: Census;
  private readonly trace: Trace;
  private readonly plan: NetworkPlan;
  /** Of a link that no partition cuts. */
  private condition: LinkCondition;
  private cutCondition: LinkCondition;
  private distanceUs = 0;
  private isHealed = false;
  /** Per link: the partition that blocks it, if any. */
  private readonly blocked: (Partition | undefined)[] = new Array(ENDPOINTS_MAX * ENDPOINTS_MAX).fill(undefined);
  private readonly clogged: ((() => void)[] | undefined)[] = new Array(ENDPOINTS_MAX * ENDPOINTS_MAX).fill(undefined);
  private readonly lanes: readonly Lane[];
  private readonly counted = new Set<Partition>();

  constructor(timeline: Timeline, random: Random, census: Census, trace: Trace, plan: NetworkPlan) {
    this.timeline = timeline;
    this.random = random;
    this.census = census;
    this.trace = trace;
    this.plan = plan;
    this.condition = conditionOf(plan);
    this.cutCondition = { ...this.condition, isCut: true };
    const watcher: LaneWatcher = {
      tailed: () => census.count('message delayed by a tail'),
      overtaken: () => census.count('message overtaken'),
    };
    this.lanes = Array.from({ length: ENDPOINTS_MAX * ENDPOINTS_MAX }, () => new Lane(watcher));
  }

  /** Sends; returns how many copies are under way. */
  send(from: number, to: number, deliver: () => void): number {
    const link = from * ENDPOINTS_MAX + to;
    const blocked = this.blocked[link];
    const condition = blocked === undefined ? this.condition : this.cutCondition;
    switch (fateOf(condition, this.random.next)) {
      case 'cut':
        if (blocked !== undefined) this.countOnce(blocked);
        return 0;
      case 'lost':
        this.census.count('message lost');
        this.trace.mix(10, link);
        return 0;
    }
    const duplicateChance = this.isHealed ? 0 : this.plan.duplicateChance;
    this.carry(link, deliver);
    if (duplicateChance === 0 || !this.random.chance(duplicateChance)) return 1;
    this.census.count('message duplicated');
    this.carry(link, deliver);
    return 2;
  }

  private countOnce(partition: Partition): void {
    if (this.counted.has(partition)) return;
    this.counted.add(partition);
    this.census.count(partition.kind);
  }

  private carry(link: number, deliver: () => void): void {
    const queue = this.clogged[link];
    if (queue !== undefined) {
      if (queue.length === 0) this.census.count('clogged link');
      queue.push(deliver);
      return;
    }
    const { nowUs } = this.timeline;
    const arrivalUs = this.lanes[link]!.arrivalUs(this.condition, nowUs, 0, this.random.next);
    this.timeline.at(arrivalUs, deliver);
  }

  /** When everything that is under way now has arrived. Once the network is healed, what is sent later on a link arrives no earlier. */
  get allArrivedUs(): number {
    return this.lanes.reduce((latest, lane) => Math.max(latest, lane.arrivedUs), 0);
  }

  /** Whether a partition is in force. */
  get isCut(): boolean {
    return this.blocked.some((partition) => partition !== undefined);
  }

  get isClogged(): boolean {
    return this.clogged.some((queue) => queue !== undefined);
  }

  /** Cuts the pairs; returns how to mend them. */
  cut(partition: Partition): () => void {
    const links = partition.pairs.map(([from, to]) => from * ENDPOINTS_MAX + to);
    for (const link of links) this.blocked[link] = partition;
    return () => {
      for (const link of links) if (this.blocked[link] === partition) this.blocked[link] = undefined;
    };
  }

  /** Holds everything back on a link; returns how to let it through. */
  clog(from: number, to: number): () => void {
    const link = from * ENDPOINTS_MAX + to;
    if (this.clogged[link] !== undefined) return () => {};
    const queue: (() => void)[] = [];
    this.clogged[link] = queue;
    return () => {
      if (this.clogged[link] !== queue) return;
      this.clogged[link] = undefined;
      for (const deliver of queue) this.carry(link, deliver);
    };
  }

  /** From now on everything takes so much longer, each way. It is no fault, and stays until it is set anew. */
  setDistance(distanceUs: number): void {
    this.distanceUs = distanceUs;
    this.setCondition();
  }

  private setCondition(): void {
    const plan = { ...this.plan, delayMinUs: this.plan.delayMinUs + this.distanceUs };
    this.condition = conditionOf(this.isHealed ? { ...plan, lossChance: 0, tailChance: 0, reorders: false } : plan);
    this.cutCondition = { ...this.condition, isCut: true };
  }

  /** Ends all faults; what is still under way arrives when it arrives. */
  heal(): void {
    this.isHealed = true;
    this.setCondition();
    this.blocked.fill(undefined);
    for (let link = 0; link < this.clogged.length; link++) {
      const queue = this.clogged[link];
      this.clogged[link] = undefined;
      for (const deliver of queue ?? []) this.carry(link, deliver);
    }
  }
}

function conditionOf({
  delayMinUs,
  delayMeanUs,
  tailChance,
  tailMeanUs,
  lossChance,
  reorders,
  wakeMs,
}: NetworkPlan): LinkCondition {
  return {
    isCut: false,
    lossChance,
    delays: [
      { kind: 'exponential', leastUs: delayMinUs, meanUs: delayMeanUs, tailChance, tailMeanUs },
      ...(wakeMs === undefined ? [] : [{ kind: 'measured', ms: wakeMs } as const]),
    ],
    bytesPerSecond: Number.POSITIVE_INFINITY,
    keepsOrder: !reorders,
  };
}
