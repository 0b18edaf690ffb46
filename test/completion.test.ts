import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ownFolder } from '../src/files/testing/ownFolder.ts';
import { completions, isInstalled, type Shell } from './setup/completions.ts';

const PROGRAMS = ['rkvd', 'rkvctl', 'rkv-cluster', 'rkv-bench'];
const bin = (name: string): string => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));

let folder: string;

ownFolder('completion', (made) => {
  folder = made;
});
beforeEach(() => {
  writeFileSync(join(folder, 'three.yaml'), '');
  mkdirSync(join(folder, 'thrift'));
  writeFileSync(join(folder, 'thrift', 'four.yaml'), '');
});

const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['rkv-cluster st', ['status', 'stop', 'start']],
  ['rkv-cluster fault par', ['partition']],
  ['rkv-cluster fault partition lea', ['leader']],
  ['rkv-cluster fault partition leader --f', ['--for', '--from']],
  // There is one of the same name without `fault`.
  ['rkv-cluster fault kill ', ['leader', 'follower', 'followers', 'all']],
  ['rkv-cluster kill thr', ['three.yaml', 'thrift']],
  ['rkv-cluster list --a', ['--all']],
  ['rkv-cluster fault list --a', []],
  ['rkv-cluster up thr', ['three.yaml', 'thrift']],
  ['rkv-cluster up three.yaml --da', ['--datadir']],
  ['rkv-cluster up --datadir thr', ['thrift']],
  ['rkv-cluster up --timeout thr', []],
  ['rkv-cluster --ver', ['--version']],
  ['rkv-cluster completion ', ['bash', 'zsh', 'fish']],
  ['rkv-bench --rpc ', ['stream', 'unary']],
  ['rkv-bench --scenario thr', ['three.yaml', 'thrift']],
  ['rkv-bench comp', ['compare', 'completion']],
  ['rkv-bench compare thr', ['thrift']],
  ['rkv-bench report --csv thr', ['thrift']],
  ['rkv-bench experiment crash-', ['crash-leader', 'crash-follower']],
  ['rkv-bench experiment crash-leader --qu', ['--quick']],
  ['rkvctl tr', ['transfer']],
  ['rkvctl put thr', []],
  ['rkvctl log thr', ['thrift']],
  ['rkvctl snapshot re', ['restore']],
  ['rkvctl snapshot status thr', ['three.yaml', 'thrift']],
  ['rkvctl snapshot restore -back', ['-backend']],
  ['rkv-cluster up --restore thr', ['three.yaml', 'thrift']],
  ['rkvctl -rpc u', ['unary']],
  ['rkvctl put -ti', ['-timeout', '-time']],
  ['rkvd -back', ['-backend']],
  ['rkvd -backend ', ['gorums', 'etcd', 'hashicorp']],
  ['rkvd -id 1 -datadir thr', ['thrift']],
  ['rkvd -logfile thr', ['three.yaml', 'thrift']],
];

describe.each<Shell>(['bash', 'zsh', 'fish'])('completion in %s', (shell) => {
  const scripts: string[] = [];

  beforeAll(() => {
    for (const name of PROGRAMS) {
      const { status, stdout, stderr } = spawnSync(bin(name), ['completion', shell], { encoding: 'utf8' });
      expect(stderr).toBe('');
      expect(status).toBe(0);
      scripts.push(stdout);
    }
  });

  const offered = (...lines: string[]) => completions(shell, folder, scripts, lines);

  it('offers what may stand there', ({ skip }) => {
    if (!isInstalled(shell)) skip(`${shell} is not installed here`);
    const found = offered(...CASES.map(([line]) => line));
    expect(found.map((words, at) => [CASES[at]![0], words.sort()])).toEqual(
      CASES.map(([line, words]) => [line, [...words].sort()]),
    );
  });

  it('knows every command and option that the help has', ({ skip }) => {
    if (!isInstalled(shell)) skip(`${shell} is not installed here`);
    const { stdout: help } = spawnSync(bin('rkv-cluster'), ['fault', 'delay', '--help'], { encoding: 'utf8' });
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option!);
    expect(options.length).toBeGreaterThan(5);
    const [found] = offered('rkv-cluster fault delay --');
    expect(found).toEqual(expect.arrayContaining(options));
  });
});

it('completion says which shells there are', () => {
  for (const name of PROGRAMS) {
    const { status, stderr } = spawnSync(bin(name), ['completion', 'tcsh'], { encoding: 'utf8' });
    expect(status, name).toBe(1);
    expect(stderr, name).toMatch(/bash, zsh, fish/);
  }
});
