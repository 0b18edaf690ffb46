import { z } from 'zod';
import { parseBytes, parseShare } from '../../faults/requests/amounts.ts';
import { parseGroups, parseTargets, TARGETS_EXPECTED } from '../../faults/requests/targets.ts';
import { CLOCK_RATE_MAX, CLOCK_RATE_MIN } from '../../faults/serverFault.ts';
import { parseDurationMs } from '../../goflags/goValues.ts';
import { ENGINE_SETTING_NAMES, type EngineSettingName } from '../../settings/engineSettings.ts';
import { type FileValue, fileSchema } from '../../settings/fileValues.ts';
import { defaultText } from '../../settings/values.ts';
import type { YamlPath } from '../../yaml/document.ts';
import { suggest } from '../../yaml/suggest.ts';
import { duration, durationMs, flag, integer, objectMessage, text } from '../../yaml/values.ts';
import { ACTIONS, FAULTS, keysOf, type StepKey, type StepKind } from './stepKinds.ts';

/** The simulator's networks have places for so many. */
const NODES_MAX = 7;
const CLIENTS_MAX = 1000;
const RATE_MAX = 10_000;
const PAYLOAD_BYTES_MAX = 1024 * 1024;
/** A scenario is a story, not a load. */
const STEPS_MAX = 200;
const LASTS_MS_MAX = 600_000;

/** Servers of a cluster of which a scenario does not say how many it has. */
export const NODES_DEFAULT = 3;

/** Of a link, besides servers. */
const OTHER_ENDS = ['others', 'clients'];

const moment = z.custom<string>(
  (value) => typeof value === 'string' && parseDurationMs(value).ok && !value.startsWith('-'),
  {
    error: 'expected a time from the beginning such as 0s or 5s',
  },
);

/** Of a number YAML makes a number, where a text was meant. */
const words = (what: string) =>
  z.custom<string | number>((value) => typeof value === 'string' || Number.isSafeInteger(value), {
    error: `expected ${what}`,
  });

const targets = words(TARGETS_EXPECTED);

const above = (what: string, most: number) =>
  z.custom<number>((value) => typeof value === 'number' && value > 0 && value <= most, { error: `expected ${what}` });

const payload = integer(`bytes of a value between 1 and ${PAYLOAD_BYTES_MAX}`, 1, PAYLOAD_BYTES_MAX);
const clients = integer(`a number of clients between 1 and ${CLIENTS_MAX}`, 1, CLIENTS_MAX);
const writesOrTimes = above(`a number above 0 and up to ${RATE_MAX}`, RATE_MAX);

const stepShape = {
  at: moment,
  fault: text(`one of ${FAULTS.join(', ')}`).optional(),
  do: text(`one of ${ACTIONS.join(', ')}`).optional(),
  server: targets.optional(),
  for: duration.optional(),
  as: z
    .custom<string>((value) => typeof value === 'string' && /^[a-z][a-z0-9-]{0,31}$/.test(value), {
      error: 'expected a name of small letters, digits and dashes',
    })
    .optional(),
  to: targets.optional(),
  from: targets.optional(),
  by: duration.optional(),
  jitter: duration.optional(),
  heavyTail: flag.optional(),
  chance: z
    .custom<string | number>((value) => isText(value) && parseShare(String(value)) !== undefined, {
      error: 'expected a share such as 10% or 0.1',
    })
    .optional(),
  limit: z
    .custom<string | number>((value) => isText(value) && parseBytes(String(value)) !== undefined, {
      error: 'expected bytes a second such as 500kB or 1MB',
    })
    .optional(),
  signal: z.enum(['SIGKILL', 'SIGTERM', 'SIGINT'], { error: 'expected one of SIGKILL, SIGTERM, SIGINT' }).optional(),
  restart: flag.optional(),
  rate: writesOrTimes.optional(),
  clients: clients.optional(),
};

function isText(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number';
}

const step = z.strictObject(stepShape, {
  error: objectMessage('a step such as {at: 2s, fault: partition, server: leader, for: 5s}'),
});

type SettingSchemas = { readonly [N in EngineSettingName]: z.ZodOptional<z.ZodType<FileValue<N>>> };
const SETTING_SCHEMAS = Object.fromEntries(
  ENGINE_SETTING_NAMES.map((name) => [name, fileSchema(name).optional()]),
) as unknown as SettingSchemas;

const clusterShape = {
  nodes: integer(`a number of servers between 1 and ${NODES_MAX}`, 1, NODES_MAX).optional(),
  cluster: z
    .array(integer('a server id from 1', 1), { error: 'expected a list of server ids such as [1, 2, 3]' })
    .min(1, { error: 'expected at least one server id' })
    .optional(),
  ...SETTING_SCHEMAS,
};

const loadShape = { clients: clients.optional(), rate: writesOrTimes.optional(), payload: payload.optional() };

const shape = {
  name: text('a name such as isolated leader'),
  origin: text('where it comes from: a paper, an incident, an experiment'),
  description: text('what happens, and what it is to show'),
  cluster: z
    .strictObject(clusterShape, { error: objectMessage('settings of the cluster such as {nodes: 3, election: 1s}') })
    .optional(),
  load: z.strictObject(loadShape, { error: objectMessage('a load such as {clients: 4, rate: 50}') }).optional(),
  steps: z
    .array(step, { error: 'expected a list of steps' })
    .min(1, { error: 'expected at least one step' })
    .max(STEPS_MAX, { error: `expected at most ${STEPS_MAX} steps` }),
  lasts: duration,
};

type Unchecked = z.infer<z.ZodObject<typeof shape>>;
export type FileStep = Unchecked['steps'][number];
type Complain = (path: (string | number)[], message: string) => void;

/** What a scenario's file may say. */
export const scenarioSchema = z
  .strictObject(shape, { error: objectMessage('a mapping of keys such as name: isolated leader') })
  .superRefine((scenario, context) => {
    const complain: Complain = (path, message) => context.addIssue({ code: 'custom', path, message });
    checkCluster(scenario, complain);
    checkSteps(scenario, complain);
  });

export type ScenarioFile = Unchecked;

/** The keys that the object at `path` may have. */
export function knownKeys([first, second]: YamlPath): readonly string[] {
  if (first === undefined) return Object.keys(shape);
  if (first === 'cluster') return Object.keys(clusterShape);
  if (first === 'load') return Object.keys(loadShape);
  return first === 'steps' && second !== undefined ? Object.keys(stepShape) : [];
}

function checkCluster({ cluster = {} }: Unchecked, complain: Complain): void {
  const count = cluster.nodes ?? NODES_DEFAULT;
  cluster.cluster?.forEach((id, position, all) => {
    if (id > count) complain(['cluster', 'cluster', position], `expected the id of one of the ${count} servers`);
    else if (all.indexOf(id) < position) complain(['cluster', 'cluster', position], 'expected every server id once');
  });
  const electionMs = durationMs(cluster.election ?? defaultText('election'));
  const heartbeatMs = durationMs(cluster.heartbeat ?? defaultText('heartbeat'));
  if (heartbeatMs < electionMs) return;
  const [key, other] =
    cluster.heartbeat === undefined
      ? ['election', `above the heartbeat interval of ${defaultText('heartbeat')}`]
      : ['heartbeat', 'below the election timeout'];
  complain(['cluster', key!], `expected a duration ${other}`);
}

function checkSteps({ steps, cluster = {}, lasts }: Unchecked, complain: Complain): void {
  const names: string[] = [];
  const nodes = cluster.nodes ?? NODES_DEFAULT;
  const lastsMs = durationMs(lasts);
  if (lastsMs > LASTS_MS_MAX) complain(['lasts'], `expected ${LASTS_MS_MAX / 60_000}m at most`);
  let beforeMs = 0;
  steps.forEach((one, position) => {
    const path = (key?: StepKey) => ['steps', position, ...(key === undefined ? [] : [key])];
    const atMs = durationMs(one.at);
    if (atMs < beforeMs) complain(path('at'), 'expected steps in the order of their times');
    else if (atMs >= lastsMs) complain(path('at'), `expected a time before the scenario is over (lasts: ${lasts})`);
    beforeMs = Math.max(beforeMs, atMs);
    const kind = kindOf(one, (key, message) => complain(path(key), message));
    if (kind !== undefined) checkKeys(one, kind, (key, message) => complain(path(key), message));
    for (const key of ['server', 'to', 'from'] as const) {
      const problem = one[key] === undefined ? undefined : targetsProblem(String(one[key]), key, kind, names, nodes);
      if (problem !== undefined) complain(path(key), problem);
    }
    if (one.as === undefined) return;
    if (parseTargets(one.as) !== undefined || [...OTHER_ENDS, 'not'].includes(one.as))
      complain(path('as'), 'expected a name that means nothing else');
    else if (names.includes(one.as)) complain(path('as'), 'expected a name that no other step gives');
    names.push(one.as);
  });
}

type ComplainOfKey = (key: StepKey | undefined, message: string) => void;

function kindOf(one: FileStep, complain: ComplainOfKey): StepKind | undefined {
  if ((one.fault === undefined) === (one.do === undefined)) {
    complain(undefined, 'expected either a fault or something to do');
    return undefined;
  }
  const [key, word, known]: ['fault' | 'do', string, readonly string[]] =
    one.fault === undefined ? ['do', one.do!, ACTIONS] : ['fault', one.fault, FAULTS];
  if (known.includes(word)) return word as StepKind;
  const meant = suggest(word, known);
  complain(
    key,
    meant === undefined
      ? `expected one of ${known.join(', ')}`
      : `expected one of ${known.join(', ')} (did you mean ${meant}?)`,
  );
  return undefined;
}

function checkKeys(one: FileStep, kind: StepKind, complain: ComplainOfKey): void {
  const { needed, allowed } = keysOf(kind);
  for (const key of Object.keys(one) as StepKey[]) {
    if (key === 'at' || key === 'fault' || key === 'do' || needed.includes(key) || allowed.includes(key)) continue;
    const all = [...needed, ...allowed];
    complain(
      key,
      `expected nothing of the kind with ${kind}, which takes ${all.length === 0 ? 'nothing' : all.join(', ')}`,
    );
  }
  for (const key of needed) if (one[key] === undefined) complain(undefined, `expected ${key} with ${kind}`);
  if (kind === 'load' && one.rate === undefined && one.clients === undefined)
    complain(undefined, 'expected clients or rate with load');
  if (kind === 'clock' && one.rate !== undefined && !(one.rate >= CLOCK_RATE_MIN && one.rate <= CLOCK_RATE_MAX))
    complain('rate', `expected a rate from ${CLOCK_RATE_MIN} to ${CLOCK_RATE_MAX} with clock`);
  if (one.jitter !== undefined && one.heavyTail === true)
    complain('heavyTail', 'expected jitter or heavyTail, not both');
  const { to, from } = one;
  if (to !== undefined && from !== undefined && String(to) !== String(from))
    complain('from', 'expected the same servers with to and from, or a step for each');
}

function targetsProblem(
  word: string,
  key: 'server' | 'to' | 'from',
  kind: StepKind | undefined,
  names: readonly string[],
  nodes: number,
): string | undefined {
  if (key !== 'server' && kind !== 'transfer' && OTHER_ENDS.includes(word)) return undefined;
  const groups = key === 'server' && kind === 'partition' ? parseGroups(word) : undefined;
  const found = parseTargets(word, names);
  const ids = groups?.flat() ?? (found?.kind === 'ids' ? found.ids : []);
  const unknown = ids.find((id) => id > nodes);
  if (unknown !== undefined) return `expected ids of the ${nodes} servers`;
  if (groups !== undefined || found !== undefined) return undefined;
  const meant = suggest(word, [
    'leader',
    'follower',
    'followers',
    'all',
    ...names,
    ...(key === 'server' ? [] : OTHER_ENDS),
  ]);
  const own =
    names.length === 0
      ? ''
      : `, or what an earlier step was given as a name (${names.join(', ')}; not ${names[0]} for the rest)`;
  return `expected ${TARGETS_EXPECTED}${own}${meant === undefined ? '' : ` (did you mean ${meant}?)`}`;
}
