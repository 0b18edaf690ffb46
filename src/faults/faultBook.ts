import type { DelayShape } from './delays.ts';
import type { DiskCondition } from './diskCondition.ts';
import type { LinkCondition } from './lane.ts';
import { InvalidFaultError, type LinkTrouble, type ServerFault } from './serverFault.ts';

/** Faults that a server may have at once: what a person or a scenario asks for is a dozen. */
export const FAULTS_MAX = 256;
const ID_LENGTH_MAX = 64;
/** Whoever wants a fault for longer says so again. */
export const FAULT_MS_MAX = 3_600_000;

/** As seen by the server that has the fault: what goes to a peer, or what comes from one. */
export type Way = 'to' | 'from';

/** A fault that is in force. */
export interface CurrentFault {
  readonly id: string;
  readonly fault: ServerFault;
  /** By the clock of whoever keeps the book. */
  readonly endsMs: number;
}

/** The faults of one server, each with an end of its own, and what they come to together. */
export class FaultBook {
  private readonly faults = new Map<string, CurrentFault>();

  /**
   * Has the fault from now on, for so long. Under an id that is known it takes the other one's place: whoever says the same again
   * keeps it up. Throws InvalidFaultError; the fault itself is to be checked before.
   */
  set(id: string, fault: ServerFault, nowMs: number, lastsMs: number): void {
    if (id.length === 0 || id.length > ID_LENGTH_MAX) {
      throw new InvalidFaultError(`an id of ${id.length} characters: expected 1 to ${ID_LENGTH_MAX}`);
    }
    if (!(lastsMs >= 1 && lastsMs <= FAULT_MS_MAX)) {
      throw new InvalidFaultError(`a fault that lasts ${lastsMs} ms: expected from 1 to ${FAULT_MS_MAX} ms`);
    }
    if (!this.faults.has(id) && this.faults.size >= FAULTS_MAX) {
      throw new InvalidFaultError(`a fault too many: expected at most ${FAULTS_MAX} at once`);
    }
    this.faults.set(id, { id, fault, endsMs: nowMs + lastsMs });
  }

  has(id: string): boolean {
    return this.faults.has(id);
  }

  /** Answers whether there was such a fault. */
  heal(id: string): boolean {
    return this.faults.delete(id);
  }

  /** Answers those whose time is over, which have ended with that. */
  expire(nowMs: number): CurrentFault[] {
    const over = this.list().filter(({ endsMs }) => endsMs <= nowMs);
    for (const { id } of over) this.faults.delete(id);
    return over;
  }

  /** In the order in which they were first said. */
  list(): CurrentFault[] {
    return [...this.faults.values()];
  }

  /** When the next one is over; Infinity where there is none. */
  get nextEndMs(): number {
    return this.list().reduce((next, { endsMs }) => Math.min(next, endsMs), Number.POSITIVE_INFINITY);
  }

  /** Of what goes to a peer, or comes from it; undefined where nothing is wrong with that. */
  linkCondition(peer: number, way: Way): LinkCondition | undefined {
    return conditionOf(
      this.list().flatMap(({ fault }) => {
        if (fault.kind !== 'link' || !fault[way]) return [];
        return fault.peers.length === 0 || fault.peers.includes(peer) ? [fault.trouble] : [];
      }),
    );
  }

  /** The same of what goes to clients, or comes from them. */
  clientCondition(way: Way): LinkCondition | undefined {
    return conditionOf(
      this.list().flatMap(({ fault }) => (fault.kind === 'client-link' && fault[way] ? [fault.trouble] : [])),
    );
  }

  get diskCondition(): DiskCondition {
    let syncAddedUs = 0;
    let isStalled = false;
    let isFull = false;
    for (const { fault } of this.faults.values()) {
      if (fault.kind === 'slow-disk') syncAddedUs += fault.syncAddedUs;
      else if (fault.kind === 'stalled-disk') isStalled = true;
      else if (fault.kind === 'full-disk') isFull = true;
    }
    return { syncAddedUs, isStalled, isFull };
  }

  get clockRate(): number {
    return this.list().reduce((rate, { fault }) => (fault.kind === 'clock' ? rate * fault.rate : rate), 1);
  }
}

function conditionOf(troubles: readonly LinkTrouble[]): LinkCondition | undefined {
  if (troubles.length === 0) return undefined;
  let isCut = false;
  let keptChance = 1;
  let bytesPerSecond = Number.POSITIVE_INFINITY;
  const delays: DelayShape[] = [];
  for (const trouble of troubles) {
    if (trouble.kind === 'cut') isCut = true;
    else if (trouble.kind === 'loss') keptChance *= 1 - trouble.chance;
    else if (trouble.kind === 'bandwidth') bytesPerSecond = Math.min(bytesPerSecond, trouble.bytesPerSecond);
    else delays.push(trouble.shape);
  }
  return { isCut, lossChance: 1 - keptChance, delays, bytesPerSecond, keepsOrder: true };
}
