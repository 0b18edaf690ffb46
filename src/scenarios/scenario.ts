import type { RequestedFault } from '../faults/requests/faultRequest.ts';
import type { EngineSettingValues } from '../settings/engineSettings.ts';

/** The cluster that a scenario is written for; what is not said is as rkvd has it by default. */
export interface ScenarioCluster {
  readonly nodes: number;
  /** Those that it begins with. */
  readonly members: readonly number[];
  readonly settings: EngineSettingValues;
}

/** Each client writes at this rate where it is served, and the next write when the last one is answered. */
export interface Load {
  readonly clients: number;
  /** Of each client, a second. */
  readonly rate: number;
  readonly payloadBytes: number;
}

/** What a step does. Targets are texts that are resolved when it fires (src/faults/requests/targets.ts). */
export type Action =
  | { readonly kind: 'fault'; readonly fault: RequestedFault; readonly forMs: number | undefined }
  /** Nothing but to find out who is meant, for later steps. */
  | { readonly kind: 'choose'; readonly targets: string }
  | { readonly kind: 'stop' | 'start' | 'restart' | 'add' | 'remove'; readonly targets: string }
  /** Without targets to whoever the leader chooses. */
  | { readonly kind: 'transfer'; readonly targets: string | undefined }
  | { readonly kind: 'load'; readonly change: Partial<Pick<Load, 'clients' | 'rate'>> }
  | { readonly kind: 'heal' };

export interface Step {
  /** From the moment at which the cluster serves all clients. */
  readonly atMs: number;
  readonly action: Action;
  /** What later steps call the servers that this one hits. */
  readonly as: string | undefined;
}

/** A story that clusters are put through, real and simulated ones. */
export interface Scenario {
  readonly name: string;
  /** Where it comes from. */
  readonly origin: string;
  readonly description: string;
  readonly cluster: ScenarioCluster;
  readonly load: Load;
  /** In the order of their times. */
  readonly steps: readonly Step[];
  readonly lastsMs: number;
}

/** Whether the step changes anything for the cluster. */
export function disturbs({ action }: Step): boolean {
  return action.kind !== 'choose' && action.kind !== 'load';
}
