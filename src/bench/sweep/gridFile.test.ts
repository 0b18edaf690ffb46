import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { addSweepOptions, requestOf, type SweepFlags } from '../options.ts';
import { planBench } from '../plan/plan.ts';
import { readGrid } from './gridFile.ts';

const EXPERIMENTS = join(import.meta.dirname, '../../../experiments');
let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-grid-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

/** What a sweep is asked for by a file of this text and these words. */
function read(text: string, ...typed: string[]): { why: string; flags: SweepFlags } {
  const file = join(folder, 'grid.yaml');
  writeFileSync(file, text);
  return readFrom(file, ...typed);
}

function readFrom(file: string, ...typed: string[]) {
  const command = addSweepOptions(new Command('sweep')).exitOverride();
  command.parse([file, ...typed], { from: 'user' });
  const { why } = readGrid(file, command);
  return { why, flags: command.opts<SweepFlags>() };
}

describe('a grid that is written down', () => {
  it('says what could be typed, and less than what is typed', () => {
    const text = `
why: what it is for
options:
  backend: [gorums, etcd]
  batch: both
  entriespermsg: [1, 64]
  clients: 50
  time: 5s
  reads: [0, 0.9]
  rkvd: [one, two]
  ordergorums: both
  csv: true
`;
    const typed = ['--clients', '1,2', '--backend', 'hashicorp'];
    const { why, flags } = read(text, ...typed);
    expect(why).toBe('what it is for');
    expect(flags).toMatchObject({
      backend: ['hashicorp'],
      batch: ['true', 'false'],
      entriespermsg: ['1', '64'],
      clients: [1, 2],
      time: 5000,
      reads: [0, 0.9],
      rkvd: ['one', 'two'],
      csv: true,
    });
    const words =
      '--batch both --entriespermsg 1,64 --time 5s --reads 0,0.9 --rkvd one --rkvd two --ordergorums both --csv';
    const command = addSweepOptions(new Command('sweep'));
    command.parse([...typed, ...words.split(' ')], { from: 'user' });
    expect(flags).toEqual(command.opts());
  });

  it.each([
    ['why: x\noptions:\n  clinets: 3', 'grid.yaml:3: options.clinets: unknown key: did you mean clients?'],
    [
      'why: x\noptions:\n  entriespermsg: [64, 0]',
      'grid.yaml:3: options.entriespermsg: expected a whole number of entries from 1, or a list of such, got [64,0]',
    ],
    ['why: x\noptions:\n  ordergorums: maybe', 'grid.yaml:3: options.ordergorums: expected true or false, or both'],
    ['why: x\noptions:\n  clients: some', 'grid.yaml:3: options.clients: expected'],
    ['why: x\noptions:\n  time: [5s, 1]', 'grid.yaml:3: options.time: '],
    ['why: x\noptions:\n  rpc: pigeon', 'grid.yaml:3: options.rpc: '],
    ['why: x\noptions:\n  csv: perhaps', 'grid.yaml:3: options.csv: expected true or false'],
    ['why: x\noptions:\n  clients: {a: 1}', 'grid.yaml:3: options.clients: '],
    ['why: x\noptions:\n  name: mine', 'grid.yaml:3: options.name: unknown key'],
    ['why: x\noptions:\n  constructor: 1', 'grid.yaml:3: options.constructor: unknown key'],
    ['options:\n  clients: 1', 'grid.yaml:1: why: expected what it is to find out, got nothing'],
    ['why: ""\noptions: {}', 'grid.yaml:1: why: expected what it is to find out'],
    ['why: x\naxes: 1', 'unknown key'],
    ['', 'says nothing: expected keys such as "why:'],
  ])('says of %j where it is wrong', (text, problem) => {
    expect(() => read(text)).toThrow(problem);
  });

  it('says that it is not there', () => {
    expect(() => readFrom(join(folder, 'none.yaml'))).toThrow('none.yaml: is not there: expected a file such as');
  });

  it('comes with the package, and each plans a grid', () => {
    const files = readdirSync(EXPERIMENTS);
    expect(files).toContain('batching.yaml');
    for (const file of files) {
      const { why, flags } = readFrom(join(EXPERIMENTS, file));
      expect(why.length).toBeGreaterThan(20);
      expect(planBench(requestOf(flags), new Date()).runs.length).toBeGreaterThan(3);
    }
  });
});
