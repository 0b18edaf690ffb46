import { Option } from 'commander';

/** An option that takes one of some names, or `all`, as it is by default. */
export function oneOrAll(flags: string, description: string, names: readonly string[]): Option {
  return new Option(flags, description).choices([...names, 'all']).default('all');
}

/** Those that were meant by it. */
export function chosen<T extends string>(given: T | 'all', names: readonly T[]): readonly T[] {
  return given === 'all' ? names : [given];
}
