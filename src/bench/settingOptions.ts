import { InvalidArgumentError, Option } from 'commander';
import { plainUsage, valueNameOf } from '../goflags/goFlags.ts';
import { type Setting, settingOf } from '../settings/table.ts';
import { defaultText, expectation, settingProblem } from '../settings/values.ts';
import { type AskedSettings, BENCH_SETTING_NAMES, type BenchSettingName } from './plan/settingAxes.ts';
import { fieldOf } from './results/settingFields.ts';

/** Settings of rkvd as commander hands them over; a switch that was given without a value is true, and one that was negated false. */
export type SettingFlags = Readonly<Partial<Record<BenchSettingName, readonly string[] | boolean>>>;

/** What was asked for of settings, as it is typed. */
export function askedSettings(flags: SettingFlags): AskedSettings {
  return new Map(
    BENCH_SETTING_NAMES.flatMap((name) => {
      const { [name]: given } = flags;
      if (given === undefined) return [];
      return [[name, typeof given === 'boolean' ? [String(given)] : given] as const];
    }),
  );
}

/** The options of all settings that a bench varies: those that people look for beside the cluster's own, and the others. */
export function settingOptions(): { readonly cluster: readonly Option[]; readonly others: readonly Option[] } {
  const [cluster, others]: [Option[], Option[]] = [[], []];
  for (const name of BENCH_SETTING_NAMES) {
    const field = fieldOf(name);
    (field === undefined ? others : cluster).push(settingOption(name));
    if (field?.usageOff !== undefined) cluster.push(new Option(`--no-${name}`, field.usageOff));
  }
  return { cluster, others };
}

function settingOption(name: BenchSettingName): Option {
  const setting = settingOf(name);
  const field = fieldOf(name);
  const usage = field?.usage ?? setting.usage;
  const words = plainUsage(usage);
  if (setting.kind === 'bool') {
    const usual = field !== undefined && setting.default ? ' (default)' : '';
    return new Option(`--${name} [which]`, `${words}${usual}; both measures with and without`).argParser((text) =>
      text === 'both' ? ['true', 'false'] : values(name, setting, text),
    );
  }
  if (setting.kind === 'choice') {
    return new Option(
      `--${name} <names>`,
      `${setting.choices.join(', ')} or all; a list, or given again, measures one after the other (default: ${setting.default})`,
    ).argParser((text, before: readonly string[] | undefined) => [
      ...(before ?? []),
      ...(text === 'all' ? setting.choices : values(name, setting, text)),
    ]);
  }
  const value = valueNameOf(usage) ?? (setting.kind === 'duration' ? setting.kind : 'value');
  // The heading says so of the others.
  const note = field === undefined ? '' : `; a list measures each (default: ${defaultText(name)})`;
  return new Option(`--${name} <${value}>`, `${words}${note}`).argParser((text) => values(name, setting, text));
}

/** Of a list. */
function values(name: BenchSettingName, setting: Setting, text: string): string[] {
  const all = text.split(',').map((part) => part.trim());
  if (all.some((part) => settingProblem(name, part) !== undefined)) {
    const also = setting.kind === 'bool' ? ', or both' : setting.kind === 'choice' ? ', or all' : ', or a list of such';
    throw new InvalidArgumentError(`Expected ${expectation(setting)}${also}.`);
  }
  return all;
}
