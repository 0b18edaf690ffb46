import { plainUsage } from '../../src/goflags/goFlags.ts';
import { SETTING_NAMES, type Setting, settingOf } from '../../src/settings/table.ts';
import { defaultText, expectation } from '../../src/settings/values.ts';

const HEAD = `| flag | what it says | takes | by default | in a cluster file | of rkv-bench |
|---|---|---|---|---|---|`;

/** The table of settings as docs/operations.md has it, in the order of names, as the help has them. */
export function settingsTable(): string {
  const rows = [...SETTING_NAMES].sort().map((name) => {
    const setting = settingOf(name);
    const usual = setting.required ? 'has to be given' : code(defaultText(name));
    const cells = [code(`-${name}`), escaped(plainUsage(setting.usage)), expectation(setting), usual];
    return `| ${[...cells, filePlace(setting), benchPlace(name, setting)].join(' | ')} |`;
  });
  return [HEAD, ...rows].join('\n');
}

function filePlace({ file }: Setting): string {
  if (file === 'flags') return code(file);
  return 'key' in file ? code(file.key) : file.instead;
}

function benchPlace(name: string, { bench }: Setting): string {
  return typeof bench === 'object' && 'not' in bench ? `no: ${bench.not}` : code(`--${name}`);
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

function escaped(text: string): string {
  return text.replaceAll(/[<>|]/g, '\\$&');
}
