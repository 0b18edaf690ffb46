import { packagedFile } from '../../files/packagedFile.ts';
import { readTextFile } from '../../files/regularFile.ts';
import { FILE_BYTES_MAX } from '../../yaml/document.ts';
import type { Scenario } from '../scenario.ts';
import { parseSchedule } from './parse.ts';
import type { FileStep } from './schema.ts';

/**
 * Reads a scenario's file; `scenarios/isolated-leader.yaml` is the one that comes with the package where there is no such file here. Throws
 * ScenarioError, UnusableFileError or the file system's error.
 */
export function readScenario(file: string): Scenario {
  return readSchedule(file).scenario;
}

/** The same, with its steps as they are written. */
export function readSchedule(file: string): { scenario: Scenario; steps: readonly FileStep[] } {
  return parseSchedule(readTextFile(packagedFile('scenarios', file), FILE_BYTES_MAX), file);
}
