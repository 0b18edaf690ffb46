import { delayShape, parseBytes, parseShare } from '../../faults/requests/amounts.ts';
import type { RequestedFault } from '../../faults/requests/faultRequest.ts';
import { parseGroups } from '../../faults/requests/targets.ts';
import { waysOf } from '../../faults/requests/ways.ts';
import type { LinkTrouble } from '../../faults/serverFault.ts';
import { engineSettingValues } from '../../settings/engineSettings.ts';
import { type FileKind, parseFile } from '../../yaml/checked.ts';
import { FileContentError } from '../../yaml/problems.ts';
import { durationMs } from '../../yaml/values.ts';
import type { Action, Load, Scenario, ScenarioCluster, Step } from '../scenario.ts';
import { type FileStep, knownKeys, NODES_DEFAULT, type ScenarioFile, scenarioSchema } from './schema.ts';
import type { StepKind } from './stepKinds.ts';

/** A scenario's file is wrong. */
export class ScenarioError extends FileContentError {
  override readonly name = 'ScenarioError';
}

const SCENARIO_FILE: FileKind<ScenarioFile> = {
  schema: scenarioSchema,
  knownKeys,
  beginning: 'keys such as "name: isolated leader" and "steps:"',
  error: (source, problems) => new ScenarioError(source, problems),
};

const LOAD: Load = { clients: 4, rate: 25, payloadBytes: 16 };

/** Parses and checks a scenario's text; `source` is its name in messages. Throws ScenarioError. */
export function parseScenario(text: string, source: string): Scenario {
  return parseSchedule(text, source).scenario;
}

/** The same, with its steps as they are written: plain values that `stepOf` understands again. */
export function parseSchedule(text: string, source: string): { scenario: Scenario; steps: readonly FileStep[] } {
  const file = parseFile(text, source, SCENARIO_FILE);
  return { scenario: scenarioOf(file), steps: file.steps };
}

function scenarioOf({ name, origin, description, cluster, load, steps, lasts }: ScenarioFile): Scenario {
  return {
    name,
    origin: origin.trim(),
    description: description.trim(),
    cluster: clusterOf(cluster ?? {}),
    load: {
      clients: load?.clients ?? LOAD.clients,
      rate: load?.rate ?? LOAD.rate,
      payloadBytes: load?.payload ?? LOAD.payloadBytes,
    },
    steps: steps.map(stepOf),
    lastsMs: durationMs(lasts),
  };
}

function clusterOf(cluster: NonNullable<ScenarioFile['cluster']>): ScenarioCluster {
  const nodes = cluster.nodes ?? NODES_DEFAULT;
  return {
    nodes,
    members: cluster.cluster ?? Array.from({ length: nodes }, (_, position) => position + 1),
    settings: engineSettingValues(cluster),
  };
}

/** A step of a file that was checked. */
export function stepOf(step: FileStep): Step {
  return { atMs: durationMs(step.at), action: actionOf(step), as: step.as };
}

function actionOf(step: FileStep): Action {
  const targets = String(step.server);
  const kind = (step.fault ?? step.do) as StepKind;
  switch (kind) {
    case 'choose':
    case 'stop':
    case 'start':
    case 'restart':
    case 'add':
    case 'remove':
      return { kind, targets };
    case 'transfer':
      return { kind, targets: step.to === undefined ? undefined : String(step.to) };
    case 'load':
      return {
        kind,
        change: {
          ...(step.clients === undefined ? {} : { clients: step.clients }),
          ...(step.rate === undefined ? {} : { rate: step.rate }),
        },
      };
    case 'heal':
      return { kind };
    default:
      return {
        kind: 'fault',
        fault: faultOf(kind, step, targets),
        forMs: step.for === undefined ? undefined : durationMs(step.for),
      };
  }
}

function faultOf(kind: Exclude<StepKind, Action['kind']>, step: FileStep, targets: string): RequestedFault {
  switch (kind) {
    case 'kill':
      return { kind, targets, signal: step.signal ?? 'SIGKILL', restart: step.restart ?? true };
    case 'slow-disk':
      return { kind, targets, syncAddedUs: durationMs(step.by!) * 1000 };
    case 'clock':
      return { kind, targets, rate: step.rate! };
    case 'pause':
    case 'stalled-disk':
    case 'full-disk':
      return { kind, targets };
    case 'partition': {
      const groups = parseGroups(targets);
      if (groups !== undefined) return { kind: 'groups', groups: groups.map((group) => [...group]) };
      return linkOf(step, targets, { kind: 'cut' });
    }
    case 'delay': {
      const jitterMs = step.jitter === undefined ? undefined : durationMs(step.jitter);
      const shape = delayShape(durationMs(step.by!), jitterMs, step.heavyTail ?? false);
      return linkOf(step, targets, { kind: 'delay', shape });
    }
    case 'loss':
      return linkOf(step, targets, { kind: 'loss', chance: parseShare(String(step.chance))! });
    case 'bandwidth':
      return linkOf(step, targets, { kind: 'bandwidth', bytesPerSecond: parseBytes(String(step.limit))! });
  }
}

/** To all others, unless it says otherwise. */
function linkOf({ to, from }: FileStep, targets: string, trouble: LinkTrouble): RequestedFault {
  const ways = waysOf(to, from);
  if (to === 'clients' || from === 'clients') return { kind: 'client-link', targets, ...ways, trouble };
  const peers = [to, from].find((each) => each !== undefined && each !== 'others');
  return {
    kind: 'link',
    targets,
    ...(peers === undefined ? {} : { peers: String(peers) }),
    ...ways,
    trouble,
  };
}
