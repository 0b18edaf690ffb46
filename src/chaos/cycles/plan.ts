import type { FaultRequest, RequestedFault } from '../../faults/requests/faultRequest.ts';
import type { Random } from '../../simulator/random.ts';
import type { ControlRequest } from '../../supervisor/control/protocol.ts';

/** What is asked of the supervisor at some time of a cycle. */
export interface Step {
  readonly atMs: number;
  readonly request: ControlRequest;
}

/** How a cluster's run ends: by its command, or by a signal to its supervisor. */
export type CycleEnd = 'down' | 'SIGINT' | 'SIGTERM' | 'SIGKILL';

/** One run of a cluster, from `up` to its end. */
export interface CyclePlan {
  readonly isDetached: boolean;
  readonly steps: readonly Step[];
  readonly end: CycleEnd;
}

export const SERVERS = 3;
const CALM_MS = 200;
const STEP_MEAN_MS = 400;
/** Longer than an election, and shorter than a client waits. */
const LASTS_MS = [100, 1500] as const;

/** `faultsMs`: how long after the start of the load something may happen. */
export function drawCycle(random: Random, faultsMs: number): CyclePlan {
  const steps: Step[] = [];
  for (let atMs = CALM_MS; atMs < faultsMs; atMs += random.exponential(STEP_MEAN_MS)) {
    steps.push({ atMs, request: drawRequest(random) });
  }
  return {
    isDetached: random.chance(0.3),
    steps,
    end: random.pick<CycleEnd>(['down', 'down', 'SIGINT', 'SIGTERM', 'SIGKILL', 'SIGKILL']),
  };
}

function drawRequest(random: Random): ControlRequest {
  if (random.chance(0.15)) return { command: 'transfer' };
  const forMs = random.between(...LASTS_MS);
  return { command: 'fault', fault: { what: drawFault(random), forMs } satisfies FaultRequest };
}

const KINDS = [
  'kill',
  'kill',
  'kill all',
  'pause',
  'partition',
  'partition',
  'groups',
  'delay',
  'loss',
  'slow-disk',
  'stalled-disk',
  'full-disk',
  'clock',
] as const;

function drawFault(random: Random): RequestedFault {
  const targets = random.pick(['leader', 'leader', 'follower', String(1 + random.int(SERVERS))]);
  const kind = random.pick(KINDS);
  switch (kind) {
    case 'kill':
      return { kind, targets, signal: 'SIGKILL', restart: true };
    case 'kill all':
      return { kind: 'kill', targets: 'all', signal: 'SIGKILL', restart: true };
    case 'partition': {
      const ways = random.pick([
        { to: true, from: true },
        { to: true, from: false },
        { to: false, from: true },
      ]);
      return { kind: 'link', targets, ...ways, trouble: { kind: 'cut' } };
    }
    case 'groups':
      return { kind, groups: [[1], [2], [3]] };
    case 'delay': {
      const us = 1000 * random.pick([2, 20, 100]);
      return {
        kind: 'link',
        targets: 'all',
        to: true,
        from: true,
        trouble: { kind: 'delay', shape: { kind: 'fixed', us } },
      };
    }
    case 'loss':
      return { kind: 'link', targets: 'all', to: true, from: true, trouble: { kind: 'loss', chance: 0.2 } };
    case 'slow-disk':
      return { kind, targets, syncAddedUs: 1000 * random.pick([5, 50]) };
    case 'clock':
      return { kind, targets, rate: random.pick([0.5, 2]) };
    default:
      return { kind, targets };
  }
}
