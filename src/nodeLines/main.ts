import { delimiter, join } from 'node:path';
import { InvalidArgumentError } from 'commander';
import { execa } from 'execa';
import { packagePath } from '../cli/packagePath.ts';
import { processCommand } from '../cli/runCommander.ts';
import { processTerminal } from '../cli/terminal.ts';
import { installNodeLine, type NodeLine, NodeLineError } from './nodeLine.ts';

const ROOT = packagePath();
/** Below node_modules, so that it goes when packages are installed anew. */
const CACHE = join(ROOT, 'node_modules', '.cache', 'rkv-node-lines');
const LINES = [24, 26];
const END_TO_END = ['test/'];

/** Every program, every engine, streams and unary calls, our clients and others: what differs between lines shows in one of them. */
const QUICK = ['walk', 'outcomes', 'goClient'].map((name) => `test/${name}.test.ts`);

const program = processCommand('lines')
  .description(
    'Runs tests under other lines of Node.js, each taken from npm by name. A line that cannot be had here is skipped, and said.',
  )
  .option('--line <majors>', 'such as 24,26', lineNumbers, LINES)
  .option('--quick', 'a few of the end-to-end tests, which the gate runs')
  .argument('[tests...]', 'folders, files or options for vitest; without any, the end-to-end tests')
  .passThroughOptions()
  .action(async (tests: string[], { line, quick = false }: { line: readonly number[]; quick?: boolean }) => {
    if (quick && tests.length > 0) program.error('error: --quick chooses the tests: leave out the others');
    const chosen = tests.length > 0 ? tests : quick ? QUICK : END_TO_END;
    for (const each of line) await runLine(each, chosen);
  });

function lineNumbers(text: string): readonly number[] {
  const lines = text.split(',').map(Number);
  if (!lines.every((line) => Number.isSafeInteger(line) && line > 0)) {
    throw new InvalidArgumentError('expected major versions, such as 24,26');
  }
  return lines;
}

async function runLine(line: number, tests: readonly string[]): Promise<void> {
  let node: NodeLine;
  try {
    node = await installNodeLine(line, CACHE);
  } catch (error) {
    if (!(error instanceof NodeLineError)) throw error;
    processTerminal.out(`SKIPPED: Node.js ${line}: ${error.message}`);
    return;
  }
  processTerminal.out(`Node.js ${node.version}: vitest run ${tests.join(' ')}`);
  const vitest = join(ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const { exitCode } = await execa(join(node.folder, 'node'), [vitest, 'run', ...tests], {
    cwd: ROOT,
    stdio: 'inherit',
    reject: false,
    // bin/ names its node by PATH.
    env: { PATH: `${node.folder}${delimiter}${process.env.PATH ?? ''}` },
  });
  if (exitCode !== 0) process.exitCode = 1;
}

await program.parseAsync();
