import { Command } from 'commander';
import { describe, expect, it, vi } from 'vitest';
import { compareRuns } from '../src/bench/compare/comparison.ts';
import {
  addBenchOptions,
  addExperimentOptions,
  addSweepOptions,
  requestOf,
  type SweepFlags,
} from '../src/bench/options.ts';
import { type PlannedRun, planBench } from '../src/bench/plan/plan.ts';
import { renderComparison } from '../src/bench/render/compareTable.ts';
import { commandOf } from '../src/bench/report/commandOf.ts';
import { csvTables } from '../src/bench/report/csvTables.ts';
import { parseRun } from '../src/bench/results/store.ts';
import { ownClusterConfig } from '../src/bench/run/target.ts';
import { sampleRun } from '../src/bench/testing/sampleRun.ts';
import { SHELLS } from '../src/cli/completion/description.ts';
import { fromGoForms } from '../src/cli/goForms.ts';
import { formatFlag } from '../src/goflags/goFlags.ts';
import { parseScenario } from '../src/scenarios/file/parse.ts';
import { parseServerConfig, rkvdUsage } from '../src/server/flags.ts';
import { SETTING_NAMES, type Setting, type SettingName, settingOf } from '../src/settings/table.ts';
import { planCluster } from '../src/supervisor/clusterPlan.ts';
import { checkClusterConfig, parseClusterFile } from '../src/supervisor/config/parse.ts';

/** Entries that nobody but this test knows: what is true of all is true of a new one. */
const { MADE_UP } = vi.hoisted(() => ({
  MADE_UP: {
    madeup: { kind: 'int', default: 5, min: 2, usage: '`things` of no use', file: 'flags', bench: 'flags' },
    madeupswitch: {
      kind: 'bool',
      default: true,
      usage: 'of no use either',
      file: { key: 'madeUpKey' },
      bench: 'flags',
      engine: 'batch',
    },
    madeuptime: {
      kind: 'duration',
      default: 70,
      min: 1,
      usage: 'a `time`',
      file: { key: 'madeUpTime' },
      bench: 'flags',
    },
    madeupshare: {
      kind: 'float',
      default: 0.5,
      min: 0,
      max: 1,
      usage: 'a share',
      file: { key: 'madeUpShare' },
      bench: 'flags',
    },
    madeuptext: { kind: 'string', default: '', usage: 'a `word`', file: { key: 'madeUpText' }, bench: 'flags' },
  } as const satisfies Readonly<Record<string, Setting>>,
}));

vi.mock(import('../src/settings/table.ts'), async (original) => {
  const table = await original();
  Object.assign(table.SETTINGS, MADE_UP);
  table.SETTING_NAMES.push(...(Object.keys(MADE_UP) as SettingName[]));
  return table;
});

interface Case {
  readonly name: SettingName;
  readonly setting: Setting;
  /** Two values, as they are typed, neither of which is the default of what has more than two. */
  readonly values: readonly [string, string];
  /** One that is none, where there is such a text. */
  readonly wrong: string | undefined;
}

function caseOf(name: SettingName): Case {
  const setting = settingOf(name);
  return { name, setting, values: valuesOf(setting), wrong: wrongFor(setting) };
}

function valuesOf(setting: Setting): readonly [string, string] {
  switch (setting.kind) {
    case 'bool':
      return ['true', 'false'];
    case 'choice':
      return [setting.choices[0]!, setting.choices[1]!];
    case 'string':
      return ['one', 'other'];
    case 'float':
      return ['0.25', '0.75'];
    case 'int':
      return [String(setting.default + 1), String(setting.default + 2)];
    case 'duration':
      return [formatFlag(setting, 1.5 * setting.default), formatFlag(setting, 2 * setting.default)];
  }
}

function wrongFor(setting: Setting): string | undefined {
  if (setting.kind === 'string') return undefined;
  if (setting.kind === 'bool' || setting.kind === 'choice') return 'perhaps';
  return setting.min === undefined ? 'none' : formatFlag(setting, setting.min - 0.5);
}

const CASES = SETTING_NAMES.map(caseOf);
const VARIED = CASES.filter(({ setting: { bench } }) => typeof bench === 'string' || !('not' in bench));
const ENGINES = CASES.filter(({ setting }) => setting.engine !== undefined);

/** A command with the options of a bench, a sweep or an experiment. */
const COMMANDS = {
  bench: () => addBenchOptions(new Command('bench')),
  sweep: () => addSweepOptions(new Command('sweep')),
  experiment: () => addExperimentOptions(new Command('experiment')),
};

function plannedBy(command: Command, ...args: string[]): readonly PlannedRun[] {
  command.exitOverride().configureOutput({ writeErr: () => {} });
  const words = command.name() === 'experiment' ? ['crash-leader', ...args] : args;
  command.parse(fromGoForms(command, words), { from: 'user' });
  return planBench(requestOf(command.opts<SweepFlags>()), new Date(0)).runs;
}

const yamlOf = ({ kind }: Setting, text: string) => (kind === 'string' || kind === 'duration' ? `"${text}"` : text);

describe('what is in the table of settings', () => {
  it('is more than this test made up', () => {
    expect(CASES.length).toBeGreaterThan(25);
    expect(VARIED.length).toBeGreaterThan(15);
  });

  it.each(CASES)('is a flag of rkvd, in its help and in every completion: -$name', ({ name }) => {
    expect(rkvdUsage()).toMatch(new RegExp(`^ {2}-${name}\\b`, 'm'));
    for (const shell of SHELLS)
      expect(parseServerConfig(['completion', shell])).toMatch(new RegExp(`-(?:o )?${name}\\b`));
  });

  it.each(CASES)(
    'stands in a cluster file, or something says it in its place: $name',
    ({ name, setting, values, wrong }) => {
      const { file } = setting;
      const key = file === 'flags' ? `flags.${name}` : 'key' in file ? file.key : undefined;
      const line = (text: string) =>
        key === undefined || file === 'flags'
          ? `flags: {${name}: ${yamlOf(setting, text)}}`
          : `${key}: ${yamlOf(setting, text)}`;
      const read = (text: string) => parseClusterFile(`nodes: 1\n${line(text)}\n`, 'x.yaml');
      if (key === undefined) {
        const { instead } = file as { instead: string };
        expect(() => read(values[0])).toThrow(
          `x.yaml:2: flags.${name}: expected a flag that no other key sets (use ${instead})`,
        );
        return;
      }
      for (const value of values)
        expect(planCluster(read(value), 'x').sharedFlags.join(' ')).toContain(
          // What other programs may not know is given only where it is asked for.
          typeof file === 'object' && 'isSparing' in file && value === String(setting.default)
            ? ''
            : `-${name}=${value}`,
        );
      if (wrong !== undefined) expect(() => read(wrong)).toThrow(`x.yaml:2: ${key}: `);
    },
  );

  it.each(ENGINES)(
    'is what a scenario may say of its cluster, if an engine takes it: $name',
    ({ name, setting, values, wrong }) => {
      const file = (text: string) =>
        `name: x\norigin: a test\ndescription: nothing\nlasts: 9s\nsteps: [{at: 1s, do: transfer}]\ncluster: {${name}: ${yamlOf(setting, text)}}\n`;
      const settings = values.map((value) => parseScenario(file(value), 'x.yaml').cluster.settings);
      const told = settings.map((each) =>
        formatFlag(setting, (each as Readonly<Record<string, string | number | boolean>>)[name]!),
      );
      expect(told).toEqual(values);
      expect(() => parseScenario(file(wrong!), 'x.yaml')).toThrow(`x.yaml:6: cluster.${name}: `);
    },
  );

  describe.each(Object.entries(COMMANDS))('is an option of %s', (_, command) => {
    it.each(CASES)('in both forms, and refused where it is not right, if a bench varies it: --$name', (each) => {
      const { name, values, wrong } = each;
      const known = command().options.some(({ long }) => long === `--${name}`);
      if (!VARIED.includes(each)) {
        // An option of that name is another thing.
        if (known) expect((each.setting.bench as { not: string }).not).toContain('its own');
        return;
      }
      const label = (...args: string[]) => plannedBy(command(), ...args).map((run) => run.settings.cluster);
      const other = values.find((value) => value !== formatFlag(each.setting, each.setting.default))!;
      const [go, ours] = [label(`-${name}=${other}`), label(`--${name}=${other}`)];
      expect(go).toEqual(ours);
      expect(go[0]).not.toEqual(label()[0]);
      if (wrong !== undefined) expect(() => plannedBy(command(), `--${name}=${wrong}`)).toThrow(`--${name} `);
    });
  });

  it.each(VARIED)(
    'is an axis that results keep, comparisons tell and servers are given: --$name',
    ({ name, setting, values }) => {
      const runs = plannedBy(
        COMMANDS.sweep(),
        `--${name}`,
        setting.kind === 'bool' ? 'both' : values.join(','),
        '--name',
        'a',
      );
      expect(runs.map(({ levels }) => Object.keys(levels))).toEqual([[name], [name]]);
      expect(new Set(runs.map((run) => run.name)).size).toBe(2);
      const records = runs.map((run) => {
        const measured = sampleRun(run.name, [100], { settings: run.settings });
        return parseRun(JSON.stringify(measured), 'run.json');
      });
      expect(records.map(({ settings }) => settings)).toEqual(runs.map(({ settings }) => settings));

      const { bench } = setting;
      const title = typeof bench === 'object' && 'field' in bench ? bench.field : name;
      const rows = renderComparison(records, compareRuns(records), 'markdown').split('\n');
      // What servers say of themselves stands above what was asked for: these are of one engine.
      if (name !== 'backend') {
        expect(
          rows.filter((row) => row.includes(`| ${title} `)).map((row) => row.replaceAll(/[|\s]+/g, ' ').trim()),
        ).toEqual([`${title} ${values.join(' ')}`]);
      }
      expect(obstaclesOf(records).length).toBe(CONDITIONS.has(name) ? 1 : 0);
      const csv = csvTables(records)[0]!.text.split('\n');
      records.forEach(({ settings }, at) => {
        const [value, { cluster }] = [values[at]!, settings];
        if (cluster.kind !== 'own') throw new Error('not its own');
        expect(
          planCluster(checkClusterConfig(ownClusterConfig(settings, cluster, undefined)), 'x').sharedFlags,
        ).toContain(`-${name}=${value}`);
        const command = commandOf(settings, 'a');
        const again = plannedBy(COMMANDS.bench(), ...command.split(' ').slice(1));
        expect(again[0]!.settings).toEqual(settings);
        if (name !== 'backend')
          expect(csv[at + 1]).toContain(typeof bench === 'object' ? `,${value},` : `-${name}=${value}`);
      });
    },
  );
});

/** Those that change what an answer promises. */
const CONDITIONS: ReadonlySet<string> = new Set(['readproof']);

/** Settings are what people compare: none of the others keeps two runs from being compared. */
function obstaclesOf(records: Parameters<typeof compareRuns>[0]): readonly unknown[] {
  return compareRuns(records).each.flatMap(({ obstacles }) => obstacles);
}
