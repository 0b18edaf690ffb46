import type { EngineSettings } from '../consensus/contract.ts';
import { parseFlag } from '../goflags/goFlags.ts';
import { SETTING_NAMES, type SettingName, type Settings, type SettingValue, settingOf } from './table.ts';

/** Those that an engine takes: what a scenario may say of its cluster. */
export type EngineSettingName = {
  [N in SettingName]: Settings[N] extends { readonly engine: string } ? N : never;
}[SettingName];

export const ENGINE_SETTING_NAMES = SETTING_NAMES.filter(
  (name): name is EngineSettingName => settingOf(name).engine !== undefined,
);

/** Values of all settings that an engine takes. */
export type EngineSettingValues = { readonly [N in EngineSettingName]: SettingValue<N> };

/** What a file says of them, and the defaults of what it does not. Throws UsageError where rkvd would refuse a value. */
export function engineSettingValues(
  said: Readonly<Partial<Record<EngineSettingName, string | number | boolean>>>,
): EngineSettingValues {
  const values = ENGINE_SETTING_NAMES.map((name) => {
    const { [name]: value } = said;
    const setting = settingOf(name);
    return [name, value === undefined ? setting.default : parseFlag(name, setting, String(value))];
  });
  return Object.fromEntries(values) as EngineSettingValues;
}

/** Small, so that heartbeats and entries pass between two of them. */
const SNAPSHOT_CHUNK_BYTES = 256 * 1024;

/** In an engine's terms. `maxMessageBytes` is what the host makes of several settings. */
export function engineSettingsOf(values: EngineSettingValues, maxMessageBytes: number): EngineSettings {
  const named = ENGINE_SETTING_NAMES.map((name) => [settingOf(name).engine!, values[name]]);
  const rest = Object.fromEntries(named) as Omit<EngineSettings, 'maxMessageBytes' | 'snapshotChunkBytes'>;
  return { ...rest, maxMessageBytes, snapshotChunkBytes: Math.min(SNAPSHOT_CHUNK_BYTES, maxMessageBytes) };
}
