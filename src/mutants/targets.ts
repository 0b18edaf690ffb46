import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGINE_NAMES } from '../consensus/engines.ts';
import { type Mutant, mutantsOf } from './operators.ts';

/** A part of the project whose mistakes can cost data or service. */
export interface Target {
  readonly name: string;
  readonly folder: string;
  /** Files directly in the folder only: its subfolders are targets of their own. */
  readonly isFlat?: boolean;
  readonly except?: readonly string[];
  /** The engines whose seeds are to find what is wrong in it. */
  readonly engines: readonly string[];
}

export const TARGETS: readonly Target[] = [
  // What an engine says of itself is made at import, before any mutant is in force, and only the simulator reads its promises.
  ...ENGINE_NAMES.map((name) => ({
    name,
    folder: `consensus/${name}`,
    except: ['index.ts', 'promises.ts'],
    engines: [name],
  })),
  {
    name: 'consensus',
    folder: 'consensus',
    isFlat: true,
    except: ['engines.ts', 'engineEntry.ts'],
    engines: ENGINE_NAMES,
  },
  { name: 'consensus', folder: 'consensus/parts', engines: ENGINE_NAMES },
  { name: 'consensus', folder: 'consensus/membership', engines: ENGINE_NAMES },
  { name: 'bytes', folder: 'bytes', engines: ENGINE_NAMES },
  { name: 'host', folder: 'server/host', engines: ENGINE_NAMES },
  { name: 'identity', folder: 'server/identity', engines: ENGINE_NAMES },
  { name: 'state machine', folder: 'server/stateMachine', engines: ENGINE_NAMES },
  // The simple store and the disk in memory are yardsticks of tests; the timed disk measures; tables are made at import.
  {
    name: 'store',
    folder: 'server/storage',
    except: ['simpleLogStore.ts', 'memoryDisk.ts', 'testing.ts', 'timedDisk.ts', 'level/crc32cTables.ts'],
    engines: ENGINE_NAMES,
  },
];

export const TARGET_NAMES: readonly string[] = [...new Set(TARGETS.map(({ name }) => name))];

/** A file of src/ with its mutants. */
export interface MutatedFile {
  readonly target: Target;
  readonly path: string;
  readonly source: string;
  readonly mutants: readonly Mutant[];
}

/** Every file of every target, with all mutants. `root` is the folder of src/. */
export function mutatedFiles(root: string): MutatedFile[] {
  return TARGETS.flatMap((target) => {
    const names = readdirSync(join(root, target.folder), { recursive: target.isFlat !== true, encoding: 'utf8' });
    return names
      .filter((name) => isProduction(name) && target.except?.includes(name) !== true)
      .sort()
      .map((name) => {
        const path = `${target.folder}/${name}`;
        const source = readFileSync(join(root, path), 'utf8');
        return { target, path, source, mutants: mutantsOf(path, source) };
      });
  });
}

function isProduction(name: string): boolean {
  return name.endsWith('.ts') && !/\.(test|suite|bench)\.ts$/.test(name) && !name.split('/').includes('testing');
}
