import { Command } from 'commander';
import { expect, it } from 'vitest';
import { fromGoForms } from './goForms.ts';

const program = new Command('bench')
  .option('--batch')
  .option('--no-batch')
  .option('--checkquorum')
  .option('--backend <names>')
  .option('-h, --help')
  .addCommand(new Command('up').option('--fresh').option('--no-restart').argument('[file]'));

it.each([
  ['-batch', '--batch'],
  ['-batch=false', '--no-batch'],
  ['--batch=0', '--no-batch'],
  ['-batch=T', '--batch'],
  ['-checkquorum=false', ''],
  ['-checkquorum=true', '--checkquorum'],
  ['-backend etcd', '--backend etcd'],
  ['-backend=etcd,gorums', '--backend=etcd,gorums'],
  ['up -fresh x.yaml', 'up --fresh x.yaml'],
  ['up -no-restart', 'up --no-restart'],
  ['up -restart=false', 'up --no-restart'],
  ['up --restart=true', 'up'],
  ['up -restart=maybe', 'up -restart=maybe'],
  ['up -restart', 'up -restart'],
  // None of ours, and what is no flag: commander's to refuse.
  ['-batch=maybe', '-batch=maybe'],
  ['-nosuch=1', '-nosuch=1'],
  ['-h', '-h'],
  ['- batch=false', '- batch=false'],
  ['-batch -- -batch=false', '--batch -- -batch=false'],
])('%s', (typed, taken) => {
  expect(fromGoForms(program, typed.split(' ')).join(' ')).toBe(taken);
});
