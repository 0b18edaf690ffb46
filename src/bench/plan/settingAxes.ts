import { SETTING_NAMES, type SettingName, type Settings, settingOf } from '../../settings/table.ts';
import { settingProblem } from '../../settings/values.ts';
import { fieldOf, recordedValue, withRecorded } from '../results/settingFields.ts';
import { type Axis, axisOf } from './axes.ts';

/** The settings of rkvd that a bench varies. The rest say who a server is, where it writes or how it starts, which is the bench's to say. */
export type BenchSettingName = {
  [N in SettingName]: Settings[N]['bench'] extends { readonly not: string } ? never : N;
}[SettingName];

export const BENCH_SETTING_NAMES = SETTING_NAMES.filter((name): name is BenchSettingName => {
  const { bench } = settingOf(name);
  return typeof bench === 'string' || !('not' in bench);
});

/** Values of settings that were asked for, as they are typed; one that has several is an axis. */
export type AskedSettings = ReadonlyMap<BenchSettingName, readonly string[]>;

/** What rkvd would say to the values, before anything is started. */
export function settingProblems(asked: AskedSettings): string[] {
  return [...asked].flatMap(([name, values]) => {
    if (values.length === 0) return [`--${name}: expected at least one value`];
    return values.flatMap((value) => {
      const problem = settingProblem(name, value);
      return problem === undefined ? [] : [`--${name}: ${problem}`];
    });
  });
}

/** The axes of the settings that were asked for. */
export function settingAxes<R extends object>(asked: AskedSettings): Axis<R>[] {
  return BENCH_SETTING_NAMES.flatMap((name) => {
    const texts = asked.get(name);
    return texts === undefined ? [] : [settingAxis<R>(name, texts)];
  });
}

function settingAxis<R extends object>(name: BenchSettingName, texts: readonly string[]): Axis<R> {
  const asked = texts.map((text) => recordedValue(name, text));
  const setting = settingOf(name);
  // Engines in the order that they have everywhere.
  const values = setting.kind === 'choice' ? setting.choices.filter((choice) => asked.includes(choice)) : asked;
  return axisOf<R, string | number | boolean>(
    name,
    values,
    (value) => labelOf(name, value),
    (record, value) => withRecorded(record, name, value),
  );
}

/** Runs are named by it: those of a sweep that goes on are found by their names. */
function labelOf(name: BenchSettingName, value: string | number | boolean): string {
  if (fieldOf(name)?.isPlain) return String(value);
  if (typeof value === 'boolean') return value ? name : `no${name}`;
  return `${name}${value}`;
}
