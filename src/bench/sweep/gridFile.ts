import { existsSync } from 'node:fs';
import type { Command, Option } from 'commander';
import { InvalidArgumentError } from 'commander';
import { z } from 'zod';
import { packagedFile } from '../../files/packagedFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { parseBool } from '../../goflags/goValues.ts';
import { type FileKind, parseFile } from '../../yaml/checked.ts';
import { FILE_BYTES_MAX } from '../../yaml/document.ts';
import { FileContentError } from '../../yaml/problems.ts';

/** The file of a grid is wrong. */
export class GridFileError extends FileContentError {
  override readonly name = 'GridFileError';
}

/** What is about the results, and not about what is measured. */
const NOT_IN_FILES = new Set(['name', 'results', 'json', 'reason', 'why', 'help', 'version']);

type Value = string | number | boolean;

const value = z.union([z.string(), z.number(), z.boolean()], 'expected a value, or a list of values');

/** A grid that is written down: why, and the options that `rkv-bench sweep` takes. */
export interface GridFile {
  readonly why: string;
  readonly options: Readonly<Record<string, Value | readonly Value[]>>;
}

/**
 * Reads the file, and gives `command` what it says where nothing was typed. `experiments/batching.yaml` is the one that comes with the package
 * where there is no such file here. Throws GridFileError, UnusableFileError or the file system's error.
 */
export function readGrid(file: string, command: Command): GridFile {
  const options = new Map<string, Option>();
  for (const option of command.options) {
    const name = option.long?.slice(2);
    if (name !== undefined && !option.negate && !NOT_IN_FILES.has(name)) options.set(name, option);
  }
  const grid = parseFile(textOf(file), file, kindOf(options));
  for (const [name, given] of Object.entries(grid.options)) {
    const attribute = options.get(name)!.attributeName();
    if (command.getOptionValueSource(attribute) === 'cli') continue;
    command.setOptionValueWithSource(attribute, parsed(options.get(name)!, given), 'config');
  }
  return grid;
}

function textOf(file: string): string {
  const path = packagedFile('experiments', file);
  if (existsSync(path)) return readTextFile(path, FILE_BYTES_MAX);
  throw new GridFileError(file, [
    { key: '', message: 'is not there: expected a file such as experiments/batching.yaml' },
  ]);
}

function kindOf(options: ReadonlyMap<string, Option>): FileKind<GridFile> {
  const known = [...options.keys()];
  const schema = z.strictObject({
    why: z.string('expected what it is to find out').trim().min(1, 'expected what it is to find out'),
    options: z.record(z.string(), z.union([value, z.array(value)])).superRefine((given, context) => {
      for (const [name, each] of Object.entries(given)) {
        const option = options.get(name);
        if (option === undefined) {
          context.addIssue({ code: 'unrecognized_keys', keys: [name], input: given });
          continue;
        }
        const problem = problemOf(option, each);
        if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, path: [name] });
      }
    }),
  });
  return {
    schema,
    knownKeys: (path) => (path[0] === 'options' ? known : ['why', 'options']),
    beginning: 'keys such as "why: what batching is worth" and "options:"',
    error: (source, problems) => new GridFileError(source, problems),
  };
}

function problemOf(option: Option, given: Value | readonly Value[]): string | undefined {
  try {
    parsed(option, given);
    return undefined;
  } catch (error) {
    if (error instanceof InvalidArgumentError) return error.message.replace(/^E/, 'e').replace(/\.$/, '');
    throw error;
  }
}

/** As commander reads it when it is typed. */
function parsed(option: Option, given: Value | readonly Value[]): unknown {
  const parse = option.parseArg ?? ((text: string) => text);
  if (option.isBoolean()) {
    const on = parseBool(String(given));
    if (!on.ok) throw new InvalidArgumentError('Expected true or false.');
    return on.value ? true : undefined;
  }
  if (!Array.isArray(given)) return parse(String(given), undefined);
  // Those that are given again and again, and those that take a list.
  if (parse.length > 1) return given.reduce<unknown>((before, each) => parse(String(each), before), undefined);
  return parse(given.join(','), undefined);
}
