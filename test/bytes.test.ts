import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sampleRun } from '../src/bench/testing/sampleRun.ts';
import { packagePath } from '../src/cli/packagePath.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const bin = (name: string): string => fileURLToPath(new URL(`../bin/${name}`, import.meta.url));

let folder: string;
let cluster: RunningCluster;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'rkv-bytes-'));
  cluster = await startCluster({ nodes: 1, election: '200ms', metrics: false });
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(folder, { recursive: true, force: true });
});

function run(file: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(file, args, { timeout: 60_000, cwd: folder });
  return { status, out: stdout.toString('latin1'), err: stderr.toString('utf8') };
}

const rkvctl = (...args: string[]) => run(bin('rkvctl'), '-cluster', cluster.addresses.join(','), ...args);
/** Node.js cannot spell arguments that are not UTF-8; a shell can. `words` are for its printf. */
const spelt = (program: string, ...words: string[]) =>
  run('/bin/sh', '-c', `exec ${bin(program)} ${words.map((word) => `"$(printf %b '${word}')"`).join(' ')}`);

describe('bytes on the command line', () => {
  it('are refused where they are not UTF-8, by every command, and never changed', () => {
    const addresses = cluster.addresses.join(',');
    for (const word of ['k\\0377', '\\0355\\0240\\0200']) {
      for (const command of [
        ['put', word, 'one'],
        ['get', word],
        ['put', 'k', word],
      ]) {
        const refused = spelt('rkvctl', '-cluster', addresses, ...command);
        expect(refused).toMatchObject({ status: 1, out: '' });
        expect(refused.err).toMatch(/^rkvctl: argument \d is not UTF-8 \(its bytes are /);
      }
    }
    expect(spelt('rkvd', '-id', '1', '-datadir', 'd\\0377').err).toMatch(/^argument 4 is not UTF-8/);
    expect(spelt('rkv-cluster', 'up', 'f\\0377.yaml')).toMatchObject({ status: 1, out: '' });
    expect(spelt('rkv-bench', 'compare', 'r\\0377')).toMatchObject({ status: 1, out: '' });
    expect(rkvctl('get', 'k\ufffd')).toMatchObject({ status: 2, out: '(none)\n' });
  }, 60_000);

  it('come back as they went, every key its own', () => {
    const keys = ['k\ufffd', '\ufeffk', 'k', 'a\nb', '__proto__'];
    for (const key of keys) expect(rkvctl('put', key, `value of ${key}\x1b[31m`)).toMatchObject({ status: 0 });
    for (const key of keys) {
      const expected = Buffer.from(`value of ${key}\x1b[31m`).toString('latin1');
      expect(rkvctl('get', key)).toEqual({ status: 0, out: `${expected}\n`, err: '' });
    }
    expect(rkvctl('get', '-raw', 'k').out).toBe('value of k\x1b[31m');
    rkvctl('put', 'n', '(none)');
    for (const rpc of ['stream', 'unary']) {
      expect(rkvctl('-rpc', rpc, 'get', 'n')).toMatchObject({ status: 0, out: '(none)\n' });
      expect(rkvctl('-rpc', rpc, 'get', 'm')).toMatchObject({ status: 2, out: '(none)\n' });
    }
  }, 120_000);
});

describe('foreign bytes in what is printed', () => {
  /** A terminal takes none of it for an order, and there is not much of it. */
  const harmless = ({ out, err }: { out: string; err: string }) => {
    const text = Buffer.from(out, 'latin1').toString('utf8') + err;
    expect(text).not.toMatch(/(?![\n\t])[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
    expect(text.length).toBeLessThan(60_000);
    return text;
  };
  const evil = '\x1b[2J\x1b]0;owned\x07\u009b31m\u202eevil\r\n';

  it('of a run, its name, settings and machine', () => {
    for (const [name, text] of [
      ['a', evil],
      ['b', `${evil}${'x'.repeat(5_000_000)}`],
    ] as const) {
      const run = sampleRun('x', [100, 200]);
      mkdirSync(join(folder, name));
      const settings = Object.fromEntries(Array.from({ length: 5000 }, (_, at) => [`${evil}${at}`, name]));
      const repeats = run.repeats.map((repeat) => ({
        ...repeat,
        servers: repeat.servers.map((server) => ({ ...server, backend: text, effectiveSettings: settings })),
      }));
      const verdict = { passed: false, verified: false, problems: [text], warnings: [text] };
      const record = { ...run, name: text, machine: { ...run.machine, cpuModel: text }, repeats, verdict };
      writeFileSync(join(folder, name, 'run.json'), JSON.stringify(record));
    }
    const compared = run(bin('rkv-bench'), 'compare', 'a', 'b');
    expect(compared.status).toBe(0);
    expect(harmless(compared)).toContain('\\x1b[2J\\x1b]0;owned\\x07\\x9b31m\\u202eevil\\r\\n');
    writeFileSync(join(folder, 'a', 'run.json'), `{"${evil}`);
    harmless(run(bin('rkv-bench'), 'compare', 'a'));
    harmless(run(bin('rkv-bench'), 'compare', evil));
    harmless(run(bin('rkv-bench'), `--${evil}`));
  }, 60_000);

  it('of scenarios', () => {
    const file = join(folder, 'evil.yaml');
    const steps = 'steps: [{at: 1s, fault: "partition", server: leader, for: 1s}]\nlasts: 3s';
    writeFileSync(file, `name: "\\e[2J\\u202e\\u009b31mevil"\norigin: a test\ndescription: a test\n${steps}\n`);
    const simulate = (...more: string[]) =>
      run(process.execPath, packagePath('dist', 'simulator', 'main.js'), '--scenario', file, ...more);
    for (const more of [
      ['--seeds', '1', '--threads', '1'],
      ['--seeds', '1', '--threads', '1', '--json'],
    ]) {
      const simulated = simulate(...more);
      expect(simulated.status).toBe(0);
      expect(harmless(simulated)).toContain('evil');
    }
  }, 150_000);

  it('of cluster files and of arguments', () => {
    const file = join(folder, `${evil.trim()}.yaml`);
    writeFileSync(file, `"\\e[31m\\u202e${'k'.repeat(100_000)}": 1\nname: "\\e[2J"\nbackend: *\x1b[31m\n`);
    for (const args of [['up', file], ['status', evil], [evil], ['kill', evil]]) {
      harmless(run(bin('rkv-cluster'), ...args));
    }
    for (const args of [[evil], ['-x', evil], ['-rpc', evil, 'get', 'a'], ['get', evil, evil], ['transfer', evil]]) {
      harmless(rkvctl(...args));
    }
    for (const args of [[evil], ['-id', evil], ['-id', '1', '-servers', evil], [`-${evil}`]]) {
      harmless(run(bin('rkvd'), ...args));
    }
  }, 120_000);
});
