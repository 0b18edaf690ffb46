import { readdirSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { packagePath } from '../../cli/packagePath.ts';
import { parseScenario, parseSchedule, ScenarioError, stepOf } from '../../scenarios/file/parse.ts';
import { ACTIONS, FAULTS } from '../../scenarios/file/stepKinds.ts';
import { SETTING_NAMES } from '../../settings/table.ts';
import { ClusterConfigError, checkClusterConfig, parseClusterFile } from '../../supervisor/config/parse.ts';
import { knownKeys } from '../../supervisor/config/schema.ts';
import { damagedText } from '../mutation.ts';
import { demand, type FuzzTarget, taken } from '../target.ts';

/** What means something in YAML, or nearly does. */
const YAML_WORDS = [
  ...[
    '\n',
    '  ',
    '- ',
    ': ',
    ':',
    ', ',
    '{',
    '}',
    '[',
    ']',
    '&a ',
    '*a',
    '<<: *a',
    '? ',
    '|\n',
    '>-\n',
    '"',
    "'",
    '#',
    '\\',
  ],
  ...[
    '---\n',
    '...\n',
    '%YAML 1.2\n',
    '!!binary ',
    '!!set ',
    '!!float ',
    '!x ',
    '__proto__: ',
    'constructor: ',
    '\t',
    '\r',
    '\0',
  ],
  ...['null', 'true', '~', '.inf', '.nan', '-1', '0', '1e999', '0x1F', '1_000', '9007199254740993', '2026-11-27'],
  ...['1s', '20ms', '1.5h', '-1s', '1'.repeat(40), 'a'.repeat(300), '\u202e', '\ufeff', 'é'],
];

/** What comes with the package. */
function packaged(folder: string): readonly string[] {
  const names = readdirSync(packagePath(folder)).filter((name) => name.endsWith('.yaml'));
  return names.sort().map((name) => readFileSync(packagePath(folder, name), 'utf8'));
}

const CLUSTER_LINES = [
  'name: fuzz\n',
  'nodes: 5\nbasePort: 9201\n',
  'servers: [{port: 9201}, {id: 2, address: "127.0.0.1:9202"}, {port: 0, datadir: d}]\n',
  'cluster: [1, 2]\n',
  'tls: true\n',
  'tls: {cert: "s-{id}.pem", key: "k-{id}.pem", ca: ca.pem, operatorCert: o.pem, operatorKey: k.pem}\n',
  'restart: {enabled: true, firstDelay: 500ms, maxDelay: 30s, stableAfter: 10s}\n',
  'flags: {maxgrpc: 1048576, quiet: true}\n',
  'election: 1s\nheartbeat: 20ms\n',
  'backend: etcd\nbatch: false\n',
];
const clusterText = fc.oneof(
  fc.constantFrom(...packaged('configs')),
  fc.shuffledSubarray(CLUSTER_LINES, { minLength: 1 }).map((lines) => lines.join('')),
);

const CLUSTER_YAML: FuzzTarget<string> = {
  name: 'cluster-yaml',
  takes: 'cluster files',
  inputs: damagedText(clusterText, [...YAML_WORDS, ...knownKeys([]), ...SETTING_NAMES]),
  check(text) {
    const config = taken(() => parseClusterFile(text, 'fuzz.yaml'), ClusterConfigError)?.value;
    if (config === undefined) return false;
    demand(isDeepStrictEqual(checkClusterConfig(config), config), 'what was checked is right, and stays what it is');
    return true;
  },
};

const STEPS = [
  '{at: 1s, fault: partition, server: leader, for: 5s}',
  '{at: 0s, fault: partition, server: "1,2|3"}',
  '{at: 1s, fault: delay, server: follower, by: 20ms, jitter: 5ms, to: others}',
  '{at: 1s, fault: loss, server: any, chance: 5%, from: clients}',
  '{at: 1s, fault: bandwidth, server: "1", limit: 1MiB}',
  '{at: 2s, fault: kill, server: leader, signal: SIGTERM, restart: false}',
  '{at: 2s, fault: clock, server: leader, rate: 1.1}',
  '{at: 2s, fault: slow-disk, server: leader, by: 5ms}',
  '{at: 0s, do: choose, server: leader, as: one}',
  '{at: 3s, do: transfer, to: 2}',
  '{at: 3s, do: load, clients: 8, rate: 50}',
  '{at: 4s, do: heal}',
];
const scenarioText = fc.oneof(
  fc.constantFrom(...packaged('scenarios')),
  fc
    .shuffledSubarray(STEPS, { minLength: 1 })
    .map(
      (steps) =>
        `name: fuzz\norigin: here\ndescription: |\n  x\nsteps:\n${steps.map((each) => `  - ${each}\n`).join('')}lasts: 8s\n`,
    ),
);

const SCENARIO_YAML: FuzzTarget<string> = {
  name: 'scenario-yaml',
  takes: 'scenario files',
  inputs: damagedText(scenarioText, [
    ...YAML_WORDS,
    ...FAULTS,
    ...ACTIONS,
    'leader',
    'follower',
    'others',
    'clients',
    'one',
    '|',
  ]),
  check(text) {
    const schedule = taken(() => parseSchedule(text, 'fuzz.yaml'), ScenarioError)?.value;
    if (schedule === undefined) return false;
    const { scenario, steps } = schedule;
    demand(isDeepStrictEqual(steps.map(stepOf), scenario.steps), 'steps as they are written mean what they mean');
    demand(isDeepStrictEqual(parseScenario(text, 'fuzz.yaml'), scenario), 'a file means the same each time');
    return true;
  },
};

export const FILES = [CLUSTER_YAML, SCENARIO_YAML] as const;
