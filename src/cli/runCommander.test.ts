import { InvalidArgumentError } from 'commander';
import { describe, expect, it } from 'vitest';
import { innerCommand, runCommander, wholeNumber, wholeNumberBelow } from './runCommander.ts';

async function run(args: readonly string[], action: (options: { count: number }) => unknown) {
  const said = { out: '', err: '', failed: '' };
  const build = (exit: (code: number) => void) => {
    const program = innerCommand('try', {
      out: (text) => {
        said.out += text;
      },
      err: (text) => {
        said.err += text;
      },
    })
      .option('--count <n>', 'how many', wholeNumberBelow(100), 1)
      .action(async (options: { count: number }) => exit(Number((await action(options)) ?? 0)));
    program
      .command('more')
      .argument('<what>')
      .action(() => {});
    return program;
  };
  const code = await runCommander(build, args, (error) => {
    said.failed = (error as Error).message;
  });
  return { code, ...said };
}

describe('a command line', () => {
  it('runs the action, and tells commander’s own exits from failures', async () => {
    let count = 0;
    const take = (options: { count: number }) => {
      count = options.count;
    };
    expect(await run(['--count', '99'], take)).toEqual({ code: 0, out: '', err: '', failed: '' });
    expect(count).toBe(99);
    expect(await run([], () => 5)).toMatchObject({ code: 5, failed: '' });
    expect(await run(['--help'], take)).toMatchObject({ code: 0, err: '', failed: '' });
    const unknown = await run(['--cuont'], take);
    expect(unknown).toMatchObject({ code: 1, out: '', failed: '' });
    expect(unknown.err).toContain("unknown option '--cuont'");
    expect(await run(['more'], take)).toMatchObject({ code: 1, err: expect.stringContaining("'what'") });
    const failing = await run([], async () => {
      throw new Error('no disk');
    });
    expect(failing).toEqual({ code: 1, out: '', err: '', failed: 'no disk' });
  });

  it('takes whole numbers and nothing that only begins like one', async () => {
    expect((await run(['--count', '100'], () => {})).err).toContain('expected a whole number below 100');
    for (const text of ['', '-1', '1.5', '1e3', '0x10', ' 1', '9007199254740993']) {
      expect(() => wholeNumber(text), text).toThrow(InvalidArgumentError);
    }
    expect(wholeNumber('0')).toBe(0);
  });
});
