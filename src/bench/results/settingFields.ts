import { z } from 'zod';
import { type FlagValue, formatFlag, parseFlag } from '../../goflags/goFlags.ts';
import {
  type BenchField,
  SETTING_NAMES,
  type Setting,
  type SettingName,
  type Settings,
  settingOf,
} from '../../settings/table.ts';
import { defaultText } from '../../settings/values.ts';

/** Those that an own cluster's record has in fields of their own; the others are among its `flags`, as they were typed. */
export const FIELD_SETTING_NAMES = SETTING_NAMES.filter((name) => fieldOf(name) !== undefined);

type FieldOf<N extends SettingName> = Settings[N]['bench'] extends { readonly field: infer F extends string }
  ? F
  : never;

/** Switches and whole numbers as they are, the rest as it is typed: a bench that wrote a name may have known others. */
type RecordedValue<S extends Setting> = S['kind'] extends 'bool' | 'int' ? FlagValue<S> : string;
type FieldSchemas = { readonly [N in SettingName as FieldOf<N>]: z.ZodType<RecordedValue<Settings[N]>> };

export function fieldOf(name: SettingName): BenchField | undefined {
  const { bench } = settingOf(name);
  return typeof bench === 'object' && 'field' in bench ? bench : undefined;
}

/** Without bounds: these may move, and results are read for ever. */
function schemaOf({ kind }: Setting): z.ZodType {
  if (kind === 'bool') return z.boolean();
  return kind === 'int' ? z.int() : z.string();
}

export const FIELD_SCHEMAS = Object.fromEntries(
  FIELD_SETTING_NAMES.map((name) => [fieldOf(name)!.field, schemaOf(settingOf(name))]),
) as unknown as FieldSchemas;

export type RecordedSettings = z.infer<z.ZodObject<FieldSchemas>> & {
  flags?: Record<string, string> | undefined;
};

type EtcdSettingName = {
  [N in SettingName]: Settings[N]['bench'] extends { readonly isOfEtcd: true } ? N : never;
}[SettingName];
type EtcdSchemas = { readonly [N in EtcdSettingName as FieldOf<N>]: z.ZodType<RecordedValue<Settings[N]>> };

/** Whether etcd has the setting as well, by the same name. */
export function isOfEtcd(name: SettingName): boolean {
  return fieldOf(name)?.isOfEtcd === true;
}

export const ETCD_SCHEMAS = Object.fromEntries(
  FIELD_SETTING_NAMES.filter(isOfEtcd).map((name) => [fieldOf(name)!.field, schemaOf(settingOf(name))]),
) as unknown as EtcdSchemas;

/** What is recorded of settings where nothing is asked for. */
export function defaultFields(): z.infer<z.ZodObject<FieldSchemas>> {
  return defaultsOf(FIELD_SETTING_NAMES) as z.infer<z.ZodObject<FieldSchemas>>;
}

/** The same of etcd. */
export function etcdDefaults(): z.infer<z.ZodObject<EtcdSchemas>> {
  return defaultsOf(FIELD_SETTING_NAMES.filter(isOfEtcd)) as z.infer<z.ZodObject<EtcdSchemas>>;
}

function defaultsOf(names: readonly SettingName[]): unknown {
  return Object.fromEntries(names.map((name) => [fieldOf(name)!.field, recordedValue(name, defaultText(name))]));
}

/** A value as it is recorded, of how it is typed. Throws UsageError where rkvd would refuse it. */
export function recordedValue(name: SettingName, text: string): string | number | boolean {
  if (fieldOf(name) === undefined) return text;
  const setting = settingOf(name);
  const value = parseFlag<Setting>(name, setting, text);
  return setting.kind === 'bool' || setting.kind === 'int' ? value : formatFlag(setting, value);
}

/** `record` with a setting's recorded value. */
export function withRecorded<R extends { readonly flags?: Record<string, string> | undefined }>(
  record: R,
  name: SettingName,
  value: string | number | boolean,
): R {
  const field = fieldOf(name)?.field;
  return field === undefined
    ? { ...record, flags: { ...record.flags, [name]: String(value) } }
    : { ...record, [field]: value };
}

/** The settings that a record has fields for, and their values. */
export function recordedFields(record: object): (readonly [SettingName, string | number | boolean])[] {
  const values = record as Readonly<Record<string, string | number | boolean | undefined>>;
  return FIELD_SETTING_NAMES.flatMap((name) => {
    const { [fieldOf(name)!.field]: value } = values;
    return value === undefined ? [] : [[name, value] as const];
  });
}

/** What a record says of settings, as it is typed: those with fields of their own, then its flags, which may be of another version. */
export function recordedTexts(record: RecordedSettings): (readonly [string, string])[] {
  const fields = recordedFields(record).map(([name, value]) => [name, String(value)] as const);
  return [...fields, ...Object.entries(record.flags ?? {})];
}
