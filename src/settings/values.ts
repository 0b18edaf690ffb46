import { type FlagSpec, formatFlag, parseFlag, UsageError, valueNameOf } from '../goflags/goFlags.ts';
import { formatDuration } from '../goflags/goValues.ts';
import { type SettingName, settingOf } from './table.ts';

/** What rkvd would say to a value, before anything is started; undefined where it takes it. */
export function settingProblem(name: SettingName, text: string): string | undefined {
  try {
    parseFlag(name, settingOf(name), text);
    return undefined;
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    return `rkvd refuses it (${error.message})`;
  }
}

/** The default, as it is typed. */
export function defaultText(name: SettingName): string {
  const setting = settingOf(name);
  return formatFlag(setting, setting.default);
}

/** Values as they are typed. */
export function settingTexts(
  values: Readonly<Partial<Record<SettingName, string | number | boolean>>>,
): (readonly [SettingName, string])[] {
  return Object.entries(values).map(([name, value]) => {
    const setting = settingOf(name as SettingName);
    return [name as SettingName, formatFlag(setting, value)];
  });
}

/** What a value has to be, for whoever gave another. */
export function expectation(spec: FlagSpec): string {
  switch (spec.kind) {
    case 'bool':
      return 'true or false';
    case 'choice':
      return `one of ${spec.choices.join(', ')}`;
    case 'int': {
      // What is counted is named in the plural.
      const called = valueNameOf(spec.usage) ?? '';
      return `a whole number${called.endsWith('s') ? ` of ${called}` : ''}${bounds(spec, String)}`;
    }
    case 'float':
      return `a number${bounds(spec, String)}`;
    case 'duration':
      return `a duration${bounds(spec, formatDuration)}`;
    case 'string':
      return 'a text';
  }
}

function bounds({ min, max }: { readonly min?: number; readonly max?: number }, print: (value: number) => string) {
  return `${min === undefined ? '' : ` from ${print(min)}`}${max === undefined ? '' : ` to ${print(max)}`}`;
}
