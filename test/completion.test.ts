import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ownFolder } from '../src/files/testing/ownFolder.ts';

const PROGRAMS = ['rkvd', 'rkvctl', 'rkv-cluster', 'rkv-bench'];
const bin = (name: string): string => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));

const scripts = new Map<string, string>();
let folder: string;

ownFolder('completion', (made) => {
  folder = made;
});
beforeAll(() => {
  for (const name of PROGRAMS) {
    const { status, stdout, stderr } = spawnSync(bin(name), ['completion', 'bash'], { encoding: 'utf8' });
    expect(stderr).toBe('');
    expect(status).toBe(0);
    scripts.set(name, stdout);
  }
});
beforeEach(() => {
  writeFileSync(join(folder, 'three.yaml'), '');
  mkdirSync(join(folder, 'thrift'));
});

/** What bash offers for the last word of a line. */
function offered(line: string): string[] {
  const words = line.split(' ');
  const script = [
    ...scripts.values(),
    `COMP_WORDS=(${words.map((word) => `'${word}'`).join(' ')})`,
    `COMP_CWORD=${words.length - 1}`,
    // As the shell does: whatever was said of this command.
    `$(complete -p ${words[0]} | sed 's/.*-F \\([^ ]*\\) .*/\\1/') 2>&1`,
    `printf "%s\\n" "\${COMPREPLY[@]}"`,
  ].join('\n');
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script], { encoding: 'utf8', cwd: folder });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((word) => word !== '');
}

describe('completion in bash', () => {
  it.each<[string, string[]]>([
    ['rkv-cluster st', ['status', 'stop', 'start']],
    ['rkv-cluster fault par', ['partition']],
    ['rkv-cluster fault partition lea', ['leader']],
    ['rkv-cluster fault partition leader --f', ['--for', '--from']],
    ['rkv-cluster up thr', ['three.yaml', 'thrift']],
    ['rkv-cluster up three.yaml --da', ['--datadir']],
    ['rkv-cluster up --datadir thr', ['thrift']],
    ['rkv-cluster up --timeout thr', []],
    ['rkv-cluster --ver', ['--version']],
    ['rkv-cluster completion ', ['bash', 'zsh', 'fish']],
    ['rkv-bench --rpc ', ['stream', 'unary']],
    ['rkv-bench comp', ['compare', 'completion']],
    ['rkv-bench compare thr', ['thrift']],
    ['rkvctl tr', ['transfer']],
    ['rkvctl -rpc u', ['unary']],
    ['rkvctl put -ti', ['-time', '-timeout'].reverse()],
    ['rkvd -back', ['-backend']],
    ['rkvd -backend ', ['gorums', 'etcd', 'hashicorp']],
    ['rkvd -id 1 -datadir thr', ['thrift']],
    ['rkvd -logfile thr', ['three.yaml', 'thrift']],
  ])('%s', (line, words) => {
    expect(offered(line).sort()).toEqual([...words].sort());
  });

  it('knows every command and option that the help has', () => {
    const { stdout: help } = spawnSync(bin('rkv-cluster'), ['fault', 'delay', '--help'], { encoding: 'utf8' });
    const options = [...help.matchAll(/^ {2}(?:-\w, )?(--[a-z-]+)/gm)].map(([, option]) => option!);
    expect(options.length).toBeGreaterThan(5);
    expect(offered('rkv-cluster fault delay --')).toEqual(expect.arrayContaining(options));
  });

  it('says which shells there are', () => {
    for (const name of PROGRAMS) {
      const { status, stderr } = spawnSync(bin(name), ['completion', 'tcsh'], { encoding: 'utf8' });
      expect(status, name).toBe(1);
      expect(stderr, name).toMatch(/bash, zsh, fish/);
    }
  });

  it('is a script that the shell takes, for each of them', () => {
    for (const script of scripts.values()) {
      expect(spawnSync('bash', ['-n'], { input: script, encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    }
  });
});
