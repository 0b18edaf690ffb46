import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { takeFreePorts } from '../supervisor/process/freePorts.ts';
import { runCommand } from './command.ts';
import type { ComparisonJson } from './compare/comparisonJson.ts';
import { writeRun } from './results/store.ts';
import { sampleHistograms, sampleRun, seriesOf } from './testing/sampleRun.ts';

let results: string;
beforeEach(async () => {
  results = await mkdtemp(join(tmpdir(), 'rkv-bench-command-'));
});
afterEach(() => rm(results, { recursive: true, force: true }));

async function run(...args: string[]) {
  const out: string[] = [];
  const err: string[] = [];
  const exitCode = await runCommand(args, {
    terminal: {
      out: (text) => out.push(text),
      json: (value) => out.push(JSON.stringify(value)),
      err: (text) => err.push(text),
    },
    progressStream: undefined,
    onInterrupt: () => () => {},
  });
  return { exitCode, out: out.join('\n'), err: err.join('\n') };
}

describe('rkv-bench', () => {
  it.each([
    [['--time', 'soon'], /--time .*'soon' is invalid\. Expected a duration such as 10s/],
    [['--clients', 'many'], /--clients .* Expected a number/],
    [['--entriespermsg', '64,x'], /Expected a whole number of entries from 1, or a list of such\./],
    [['--backend', 'raft'], /Expected one of gorums, etcd, hashicorp, or all\./],
    [['sweep', '--ordergorums', 'yes'], /Expected true or false, or both\./],
    [['--cluster', 'nowhere'], /bad server address "nowhere"/],
    [['--rpc', 'pigeon'], /Allowed choices are stream, unary/],
    [['--frobnicate'], /unknown option '--frobnicate'/],
    [['frobnicate'], /too many arguments/],
    [['--payload', '3'], /^rkv-bench: --payload: expected at least 16 bytes/],
    [['compare'], /missing required argument 'runs'/],
    [['--batch=maybe'], /Expected true or false, or both\./],
    [['--precision', '3'], /Expected a share such as 3%/],
    [['--fail-if', 'p99 > 10%'], /^rkv-bench: --fail-if: expected a time such as 10ms, got "p99 > 10%"/],
    [
      ['compare', 'x', '--across', 'weather'],
      /Expected some of durability, load, reads, readproof, payload, scenario, distance, machine/,
    ],
    [['compare', 'x', '--fail-if', 'p98 > 10%'], /^rkv-bench: --fail-if: expected a figure among throughput, p50, /],
    [['compare', '/no/such/run'], /^rkv-bench: there is no \/no\/such\/run/],
  ])('refuses %j and exits with 1', async (args, message) => {
    const { exitCode, out, err } = await run(...args);
    expect({ exitCode, out }).toEqual({ exitCode: 1, out: '' });
    expect(err).toMatch(message);
  });

  it('refuses a name that is taken before it starts anything', async () => {
    await writeRun(join(results, 'taken'), sampleRun('taken', [1]), [sampleHistograms([1])]);
    const { exitCode, err } = await run('--results', results, '--name', 'taken');
    expect(exitCode).toBe(1);
    expect(err).toMatch(/^rkv-bench: .*taken is there already: give this run another --name$/);
  });

  it('waited ten seconds for servers that nobody had said it should start, where none answers', async () => {
    const [port] = await takeFreePorts(1);
    const { exitCode, err } = await run('--results', results, '--cluster', `:${port}`, '--time', '1s');
    expect(exitCode).toBe(1);
    expect(err).toContain(`rkv-bench: no server answers:\nrkv-bench:   127.0.0.1:${port}: connection refused`);
    expect(err).not.toContain('starting servers');
  });

  it('says where data cannot be kept', async () => {
    const { exitCode, err } = await run('--results', results, '--datadir', '/dev/null/x', '--time', '1s');
    expect(exitCode).toBe(1);
    expect(err).toMatch(/rkv-bench: cannot keep data in \/dev\/null\/x: /);
  });

  it('explains itself', async () => {
    const { exitCode, out } = await run('--help');
    expect(exitCode).toBe(0);
    for (const word of ['--backend', '--throughput', '--runs', '--precision', 'compare']) expect(out).toContain(word);
  });

  it('compares runs', async () => {
    for (const name of ['one', 'two']) {
      await writeRun(join(results, name), sampleRun(name, [1]), [sampleHistograms([1])]);
    }
    await writeFile(join(results, 'README.md'), 'a folder of runs has one');
    const places = ['README.md', 'one', 'two'].map((name) => join(results, name));
    const { exitCode, out, err } = await run('compare', ...places);
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: `${places[0]} is no run and is left out` });
    expect(out).toMatch(/one .* two/);
    expect((await run('compare', places[0]!)).exitCode).toBe(1);
  });

  it('tells a script by its exit code that a run is slower, and only where that is shown', async () => {
    const series = seriesOf([1, 0.9, 0.995], 8);
    for (const each of series) await writeRun(join(results, each.name), each, [sampleHistograms([1])]);
    const [base, slow, close] = series.map(({ name }) => join(results, name));
    const slower = await run('compare', base!, slow!, '--json', '--fail-if', 'throughput < -5%');
    expect(slower.exitCode).toBe(3);
    expect(slower.err).toMatch(/^--fail-if 'throughput < -5%': run-2: throughput changed by -1\d\.\d %$/);
    const json = JSON.parse(slower.out) as ComparisonJson;
    expect(json).toMatchObject({ comparable: true, paired: true, baseline: 'run-1', candidate: 'run-2' });
    expect(json.metrics.find(({ name }) => name === 'throughput')).toMatchObject({ unit: '1/s', verdict: 'slower' });
    expect((await run('compare', base!, slow!, '--fail-if', 'throughput < -20%')).exitCode).toBe(0);
    const chance = await run('compare', base!, close!, '--fail-if', 'throughput < -0.1%');
    expect(chance.exitCode).toBe(0);
    expect(chance.err).toContain('which may be chance');
    const other = sampleRun('other', [1], { machine: { ...series[0]!.machine, cores: 64 } });
    await writeRun(join(results, 'other'), other, [sampleHistograms([1])]);
    const incomparable = await run('compare', base!, join(results, 'other'), '--fail-if', 'throughput < -5%');
    expect(incomparable.exitCode).toBe(1);
    expect(incomparable.out).toContain(
      'other beside run-1: not comparable. processor: 2 × Sample CPU against 64 × Sample CPU',
    );
    expect(incomparable.err).toContain('other is not comparable');
  });
});
