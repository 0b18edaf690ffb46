import { pathToFileURL } from 'node:url';
import { type File, startTests, type Task, type Test, type VitestRunner } from '@vitest/runner';

/** What became of one test. */
export interface TestOutcome {
  readonly name: string;
  readonly isPassed: boolean;
  readonly message: string;
}

export interface TestHooks {
  /** Whether to run the test of this name. */
  isWanted(name: string): boolean;
  /** Called with what becomes of each test, right after it. */
  finished(outcome: TestOutcome): void;
}

/** Counts imports: a test file is evaluated anew each time it is run. */
let imports = 0;

/** Runs one compiled test file in this process, one test after the other. Resolves with what failed outside of tests, if anything. */
export async function runTestFile(
  path: string,
  timeoutMs: number,
  { isWanted, finished }: TestHooks,
): Promise<string | undefined> {
  const runner: VitestRunner = {
    config: {
      root: '/',
      setupFiles: [],
      name: undefined,
      passWithNoTests: true,
      testNamePattern: undefined,
      allowOnly: false,
      sequence: { seed: 1, hooks: 'stack', setupFiles: 'list', shuffle: false },
      chaiConfig: undefined,
      maxConcurrency: 1,
      testTimeout: timeoutMs,
      hookTimeout: timeoutMs,
      retry: 0,
      includeTaskLocation: false,
      diffOptions: undefined,
      tags: [],
      tagsFilter: undefined,
      strictTags: false,
    } as unknown as VitestRunner['config'],
    importFile: (file) => import(`${pathToFileURL(file).href}?run=${imports++}`),
    onBeforeRunTask(test: Test) {
      if (test.mode === 'run' && !isWanted(nameOf(test))) test.mode = 'skip';
    },
    onAfterRunTask(test: Test) {
      if (test.mode === 'skip') return;
      const message = test.result?.errors?.[0]?.message ?? '';
      finished({ name: nameOf(test), isPassed: test.result?.state === 'pass', message });
    },
  };
  const [file] = await startTests([path], runner);
  return failureOutsideOf(file!);
}

/** A file that cannot be read, or a hook that throws. */
function failureOutsideOf(file: File): string | undefined {
  const queue: Task[] = [file];
  for (let task = queue.pop(); task !== undefined; task = queue.pop()) {
    if (task.type !== 'suite') continue;
    const error = task.result?.errors?.[0];
    if (error !== undefined) return error.message;
    queue.push(...task.tasks);
  }
  return undefined;
}

/** Tests of one name in one file are told apart by their place. */
function nameOf(test: Test): string {
  const names: string[] = [];
  for (let task: Task | undefined = test; task?.suite !== undefined; task = task.suite) names.unshift(task.name);
  const name = names.join(' > ');
  // An id is a hash of the file's path, and then the places.
  return `${name} #${test.id.slice(test.id.indexOf('_') + 1)}`;
}
