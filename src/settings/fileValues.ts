import { z } from 'zod';
import { type FlagValue, formatFlag, parseFlag } from '../goflags/goFlags.ts';
import { durationFrom, flag } from '../yaml/values.ts';
import { SETTING_NAMES, type Setting, type SettingName, type Settings, settingOf } from './table.ts';
import { expectation, settingProblem } from './values.ts';

/** A setting's value in a file: a duration is a text such as 20ms. */
export type FileValue<N extends SettingName> = Settings[N] extends { readonly kind: 'duration' }
  ? string
  : FlagValue<Settings[N]>;

/** What a file may say of a setting. */
export function fileSchema<N extends SettingName>(name: N): z.ZodType<FileValue<N>> {
  return schemaOf(name, settingOf(name)) as z.ZodType<FileValue<N>>;
}

function schemaOf(name: SettingName, setting: Setting): z.ZodType {
  if (setting.kind === 'bool') return flag;
  if (setting.kind === 'duration') return durationFrom(setting.min);
  const type = setting.kind === 'int' || setting.kind === 'float' ? 'number' : 'string';
  return z.custom(
    (value) => typeof value === type && !hasNul(value) && settingProblem(name, String(value)) === undefined,
    { error: `expected ${expectation(setting)}` },
  );
}

/** No process can be given such an argument. */
function hasNul(value: unknown): boolean {
  return typeof value === 'string' && value.includes('\0');
}

/** The key of its own that a setting has in a cluster file. */
type KeyOf<N extends SettingName> = Settings[N]['file'] extends { readonly key: infer K extends string } ? K : never;

/** What keys of their own say of settings in a cluster file. */
export type KeyedSettings = { readonly [N in SettingName as KeyOf<N>]?: FileValue<N> | undefined };
type KeyedSchemas = { readonly [N in SettingName as KeyOf<N>]: z.ZodOptional<z.ZodType<FileValue<N>>> };

function keyOf(name: SettingName): string | undefined {
  const { file } = settingOf(name);
  return typeof file === 'object' && 'key' in file ? file.key : undefined;
}

export const KEYED_SCHEMAS = Object.fromEntries(
  SETTING_NAMES.flatMap((name) => {
    const key = keyOf(name);
    return key === undefined ? [] : [[key, fileSchema(name).optional()]];
  }),
) as unknown as KeyedSchemas;

/** What says a setting in a cluster file in the place of `flags`; undefined where it stands among these. */
export function saidBy(name: SettingName): string | undefined {
  const { file } = settingOf(name);
  if (file === 'flags') return undefined;
  return 'key' in file ? file.key : file.instead;
}

/** What a cluster file says of settings. */
export type FileSettings = KeyedSettings & {
  readonly flags?: Readonly<Record<string, string | number | boolean>> | undefined;
};

/** The flags of rkvd for it, as `-name=value`; of what it does not say the defaults are rkvd's own. */
export function flagsOf(said: FileSettings): string[] {
  const keyed = SETTING_NAMES.flatMap((name) => {
    const { [keyOf(name) ?? '']: value } = said as Readonly<Record<string, unknown>>;
    return value === undefined || isSpared(settingOf(name), value) ? [] : [`-${name}=${value}`];
  });
  return [...keyed, ...Object.entries(said.flags ?? {}).map(([name, value]) => `-${name}=${value}`)];
}

function isSpared(setting: Setting, value: unknown): boolean {
  const { file } = setting;
  return typeof file === 'object' && 'key' in file && file.isSparing === true && value === setting.default;
}

/** Values as they are typed, as a cluster file says them. Throws UsageError where rkvd would refuse one. */
export function fileSettings(texts: Iterable<readonly [SettingName, string]>): FileSettings {
  const keyed: Record<string, unknown> = {};
  const flags: Record<string, string> = {};
  for (const [name, text] of texts) {
    const key = keyOf(name);
    if (key === undefined) flags[name] = text;
    else keyed[key] = fileValue(name, text);
  }
  return { ...(keyed as KeyedSettings), flags };
}

function fileValue(name: SettingName, text: string): unknown {
  const setting = settingOf(name);
  const value = parseFlag<Setting>(name, setting, text);
  return setting.kind === 'duration' ? formatFlag(setting, value) : value;
}
