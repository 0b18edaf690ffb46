import type { Argument, Command, Option } from 'commander';
import { type FlagSpec, type FlagSpecs, plainUsage, valueNameOf } from '../../goflags/goFlags.ts';

/** What may stand in a place of a command line, as far as a shell can tell: one of these words, a file, a folder, or anything. */
export type Values = readonly string[] | 'files' | 'folders' | 'anything';

export interface DescribedOption {
  /** As it is typed: `--for`, `-f`, `-id`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Undefined where it takes none. */
  readonly values: Values | undefined;
}

/** A program, or a command of one, as its completion goes by it. */
export interface DescribedCommand {
  readonly name: string;
  readonly description: string;
  readonly options: readonly DescribedOption[];
  readonly commands: readonly DescribedCommand[];
  /** What its arguments are. */
  readonly values: Values;
}

/** By what a usage calls a value. */
const NAMED: Readonly<Record<string, Values>> = {
  file: 'files',
  program: 'files',
  cluster: 'files',
  'ids and cluster': 'files',
  'id and cluster': 'files',
  folder: 'folders',
  runs: 'folders',
  target: ['leader', 'follower', 'followers', 'all'],
};

export function describeCommand(command: Command): DescribedCommand {
  const help = command.createHelp();
  return {
    name: command.name(),
    description: command.description(),
    options: help.visibleOptions(command).map(describeOption),
    commands: help.visibleCommands(command).map(describeCommand),
    values: firstOf(command.registeredArguments.map(valuesOfArgument)),
  };
}

function describeOption(option: Option): DescribedOption {
  const { short, long, description, required, optional, argChoices, flags } = option;
  const called = /[<[]([^>\].]+)/.exec(flags)?.[1] ?? '';
  return {
    names: [short, long].filter((name) => name !== undefined),
    description,
    values: required || optional ? (argChoices ?? named(called)) : undefined,
  };
}

function valuesOfArgument(argument: Argument): Values {
  return argument.argChoices ?? named(argument.name());
}

function named(name: string): Values {
  return Object.hasOwn(NAMED, name) ? NAMED[name]! : 'anything';
}

/** Of several arguments the first that says anything: which place is meant is not worth counting. */
function firstOf(values: readonly Values[]): Values {
  return values.find((each) => each !== 'anything') ?? 'anything';
}

/** What a command does, what its arguments are where a shell can tell, and the commands that it has of its own. */
export type DescribedWord =
  | string
  | { readonly description: string; readonly values?: Values; readonly words?: DescribedWords };
export type DescribedWords = Readonly<Record<string, DescribedWord>>;

/** A program whose flags are Go's; `words` are its commands. */
export function describeFlags(name: string, specs: FlagSpecs, words: DescribedWords = {}): DescribedCommand {
  const asked = { help: 'print what there is', version: 'print the version' };
  const options = [
    ...Object.entries(specs).map(([flag, spec]) => ({
      names: [`-${flag}`],
      description: plainUsage(spec.usage),
      values: valuesOfFlag(spec),
    })),
    ...Object.entries(asked).map(([flag, description]) => ({ names: [`-${flag}`], description, values: undefined })),
  ];
  return { name, description: '', options, commands: describeWords(words, options), values: 'anything' };
}

/** A flag may stand before and after each of them. */
function describeWords(words: DescribedWords, options: readonly DescribedOption[]): DescribedCommand[] {
  return Object.entries(words).map(([name, word]) => {
    if (typeof word === 'string') return { name, description: word, options, commands: [], values: 'anything' };
    const { description, values = 'anything', words: own = {} } = word;
    return { name, description, options, commands: describeWords(own, options), values };
  });
}

function valuesOfFlag(spec: FlagSpec): Values | undefined {
  if (spec.kind === 'bool') return undefined;
  if (spec.kind === 'choice') return spec.choices;
  return named(valueNameOf(spec.usage) ?? '');
}

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function isShell(text: string | undefined): text is Shell {
  return SHELLS.some((shell) => shell === text);
}
