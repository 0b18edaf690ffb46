import type { Command, Option } from 'commander';
import { parseBool } from '../goflags/goValues.ts';

/**
 * The arguments with what was typed in the forms that rkvd and rkvctl take (`-backend=etcd`, `-batch=false`) in those that
 * commander takes. What is none of the program's options stays as it is, and is commander's to refuse.
 */
export function fromGoForms(program: Command, args: readonly string[]): string[] {
  const options = new Map<string, Option>();
  for (const command of allCommands(program)) {
    for (const option of command.options) if (option.long) options.set(option.long.slice(2), option);
  }
  const end = args.indexOf('--');
  const flags = end === -1 ? args : args.slice(0, end);
  return [...flags.flatMap((arg) => fromGoForm(options, arg)), ...args.slice(flags.length)];
}

function allCommands(program: Command): Command[] {
  return [program, ...program.commands.flatMap(allCommands)];
}

function fromGoForm(options: ReadonlyMap<string, Option>, arg: string): string[] {
  const [, name = '', value] = /^--?([a-z][a-z-]+)(?:=(.*))?$/s.exec(arg) ?? [];
  const option = options.get(name);
  const hasOff = options.has(`no-${name}`);
  // Of a switch that is on where nothing is said there is the word for off alone.
  const isSwitch = option === undefined ? hasOff && value !== undefined : option.isBoolean();
  if (option === undefined && !isSwitch) return [arg];
  if (value === undefined) return [`--${name}`];
  if (!isSwitch) return [`--${name}=${value}`];
  const on = parseBool(value);
  if (!on.ok) return [arg];
  // What is so where nothing is said needs no word.
  if (on.value) return option === undefined ? [] : [`--${name}`];
  return hasOff ? [`--no-${name}`] : [];
}
