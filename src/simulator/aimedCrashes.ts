import type { FaultKind } from './census.ts';
import type { Random } from './random.ts';
import type { Timeline } from './timeline.ts';

/** Thrown out of whatever a server is doing when its power goes. */
export class PowerLost extends Error {
  override readonly name = 'PowerLost';
}

export type CrashKind = Extract<
  FaultKind,
  | 'crash between events'
  | 'crash inside a turn'
  | 'crash with a write pending'
  | 'crash with a vote pending'
  | 'crash right after a sync'
  | 'crash of the whole cluster'
>;
export type AimedCrash = Exclude<CrashKind, 'crash between events' | 'crash of the whole cluster'>;

/** Crashes of one server that wait for their moment. */
export class AimedCrashes {
  private readonly timeline: Timeline;
  private readonly random: Random;
  private readonly ofBinding: Random;
  private readonly crash: (kind: CrashKind) => void;
  private aimed: AimedCrash | undefined;
  private callsToCrash = 0;
  private isSpared = false;
  /** A vote was handed to the store and no sync has begun since. */
  private isVoting = false;
  /** It crashes once its data are bound. */
  private endsBound = false;
  /** Counts ends of processes: a crash that was aimed at an earlier one is off. */
  private processes = 0;

  constructor(timeline: Timeline, random: Random, crash: (kind: CrashKind) => void) {
    this.timeline = timeline;
    this.random = random;
    this.ofBinding = random.fork('binding');
    this.crash = crash;
  }

  aim(kind: AimedCrash): void {
    if (this.isSpared) return;
    this.aimed = kind;
    this.callsToCrash = this.random.between(1, 40);
  }

  /** While what a start found is settled: it may crash before that is done. */
  aimAtOpening(): void {
    if (!this.isSpared && this.random.chance(CRASH_WHILE_OPENING_CHANCE)) this.aimed = 'crash with a write pending';
  }

  /** While data are bound to a start, which takes up to about `latencyUs`: it may crash before that is done, or just after. */
  aimAtBinding(latencyUs: number): void {
    if (this.isSpared || !this.ofBinding.chance(CRASH_WHILE_BINDING_CHANCE)) return;
    if (this.ofBinding.chance(0.5)) this.endsBound = true;
    else this.crashAfter(this.ofBinding.int(latencyUs), 'crash with a write pending');
  }

  bound(): void {
    if (this.endsBound && !this.isSpared) this.crash('crash right after a sync');
  }

  private crashAfter(delayUs: number, kind: CrashKind): void {
    const process = this.processes;
    this.timeline.after(delayUs, () => {
      if (process === this.processes && !this.isSpared) this.crash(kind);
    });
  }

  /** Nothing is aimed any more. */
  forget(): void {
    this.aimed = undefined;
  }

  processEnded(): void {
    this.processes++;
    this.aimed = undefined;
    this.endsBound = false;
  }

  /** No more aimed crashes, not even one that is due. */
  spare(): void {
    this.isSpared = true;
    this.aimed = undefined;
  }

  /** Every call that a process makes to the outside is a moment at which the power may go. */
  calledOutside(): void {
    if (this.aimed !== 'crash inside a turn' || --this.callsToCrash > 0) return;
    throw new PowerLost();
  }

  votes(): void {
    this.isVoting = true;
  }

  syncBegun(latencyUs: number): void {
    const aimed = this.aimed;
    const isDue = aimed === 'crash with a write pending' || (aimed === 'crash with a vote pending' && this.isVoting);
    this.isVoting = false;
    if (!isDue) return;
    this.aimed = undefined;
    this.crashAfter(this.random.int(latencyUs), aimed);
  }

  syncDone(): void {
    if (this.aimed === 'crash right after a sync') this.crash('crash right after a sync');
  }
}

const CRASH_WHILE_OPENING_CHANCE = 0.05;
const CRASH_WHILE_BINDING_CHANCE = 0.05;
