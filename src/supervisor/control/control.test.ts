import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { ownFolder } from '../../files/testing/ownFolder.ts';
import { identify, isOurServer, isRunning } from '../process/identity.ts';
import { askSupervisor, ControlError } from './client.ts';
import type { ControlRequest } from './protocol.ts';
import { REQUEST_BYTES_MAX } from './protocol.ts';
import { type ControlServer, serveControl } from './server.ts';
import { AlreadyRunningError, Claim, controlPath, readRunningState, readState } from './stateFile.ts';

let folder: string;
ownFolder('control', (made) => {
  folder = made;
});

/** A process that has ended. */
function deadPid(): number {
  return Number(execFileSync(process.execPath, ['-p', 'process.pid'], { encoding: 'utf8' }));
}

describe('Claim', () => {
  it('is seen while it is held, and gone afterwards', () => {
    const claim = Claim.take(folder, 'three');
    const server = { id: 1, address: '127.0.0.1:9201', process: identify(process.pid) };
    claim.update([server]);
    expect(readRunningState(folder)).toMatchObject({
      name: 'three',
      directory: folder,
      supervisor: { pid: process.pid },
      servers: [server],
    });
    claim.release();
    expect(readState(folder)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused while another holds it, naming who', () => {
    const claim = Claim.take(folder, 'three');
    expect(() => Claim.take(folder, 'three')).toThrow(AlreadyRunningError);
    expect(() => Claim.take(folder, 'three')).toThrow(
      `a supervisor (pid ${process.pid}) runs the cluster in ${folder}`,
    );
    expect(readRunningState(folder)?.supervisor.pid).toBe(process.pid);
    claim.release();
  });

  it('named another program, and `up` sent to `down`, which sent nowhere', async () => {
    const claim = Claim.take(folder, 'three');
    const file = join(folder, 'supervisor.json');
    const advice = `where process ${process.pid} is another program, remove ${file}`;
    expect(() => Claim.take(folder, 'three')).toThrow(advice);
    const served = await serveControl(controlPath(folder), async () => 'fine');
    expect(() => Claim.take(folder, 'three')).toThrow(/already: rkv-cluster down stops it$/);
    await served.close();
    claim.release();
  });

  it('takes over what a supervisor that was killed left behind, and tells of its servers', () => {
    const claim = Claim.take(folder, 'three');
    const own = identify(process.pid);
    const gone = { pid: deadPid(), startTicks: own.startTicks };
    claim.update([
      { id: 1, address: ':1', process: own },
      { id: 2, address: ':2', process: gone },
      { id: 3, address: ':3', process: null },
    ]);
    const path = join(folder, 'supervisor.json');
    const left = JSON.parse(readFileSync(path, 'utf8'));
    writeFileSync(path, JSON.stringify({ ...left, supervisor: gone }));
    expect(readRunningState(folder)).toBeUndefined();
    expect(Claim.take(folder, 'three').before.map(({ process }) => process)).toEqual([own, gone, null]);
  });

  it('is not fooled by a pipe, a link or a huge file in the place of its state', () => {
    const path = join(folder, 'supervisor.json');
    execFileSync('mkfifo', [path]);
    expect(readRunningState(folder)).toBeUndefined();
    Claim.take(folder, 'three').release();
    const other = join(folder, 'other');
    writeFileSync(other, 'mine');
    symlinkSync(other, path);
    const claim = Claim.take(folder, 'three');
    claim.update([]);
    claim.release();
    expect(readFileSync(other, 'utf8')).toBe('mine');
    truncateSync(other, 8 * 1024 * 1024 * 1024);
    symlinkSync(other, path);
    expect(readState(folder)).toBeUndefined();
  });

  it('leaves a folder in the place of its state alone', () => {
    mkdirSync(join(folder, 'supervisor.json'));
    expect(() => Claim.take(folder, 'three')).toThrow("is a folder: expected a supervisor's state, or nothing");
    expect(readdirSync(folder)).toEqual(['supervisor.json']);
  });

  it('keeps its state to itself', () => {
    const claim = Claim.take(join(folder, 'new'), 'three');
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'new', 'supervisor.json')).mode & 0o777).toBe(0o600);
    claim.release();
  });

  it.each(['', '{', '{"version":2}'])('does not stumble over a state file that says %j', (text) => {
    writeFileSync(join(folder, 'supervisor.json'), text);
    expect(readRunningState(folder)).toBeUndefined();
    Claim.take(folder, 'three').release();
  });

  it('finds a short place for the socket of a folder with a long name', () => {
    const long = join(folder, 'x'.repeat(120));
    mkdirSync(long);
    const path = controlPath(long);
    expect(path.length).toBeLessThanOrEqual(100);
    const { mode, uid } = statSync(dirname(path));
    expect([mode & 0o777, uid]).toEqual([0o700, process.geteuid!()]);
  });
});

describe('process identity', () => {
  it('takes no process for a server but one that a supervisor started for the very folder and id', async () => {
    const start = async (args: readonly string[], env: Record<string, string>) => {
      const child = spawn(process.execPath, ['-e', 'console.log(); setInterval(() => {}, 1000)', '--', ...args], {
        env: { PATH: process.env.PATH, ...env },
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      await once(child.stdout, 'data');
      return child;
    };
    const flags = ['-id=1', `-datadir=${folder}`];
    const variable = { RKV_SUPERVISOR_FD: '3' };
    const server = await start(flags, variable);
    const other = await start(flags, {});
    try {
      const mark = { id: 1, directory: folder };
      const identity = identify(server.pid!);
      expect(isOurServer(identity, mark)).toBe(true);
      expect(isOurServer({ ...identity, startTicks: '1' }, mark)).toBe(false);
      expect(isOurServer({ ...identity, startTicks: null }, mark)).toBe(false);
      expect(isOurServer(identity, { ...mark, id: 2 })).toBe(false);
      expect(isOurServer(identity, { ...mark, directory: dirname(folder) })).toBe(false);
      expect(isOurServer(identify(other.pid!), mark)).toBe(false);
      expect(isOurServer(identify(process.pid), mark)).toBe(false);
    } finally {
      server.kill('SIGKILL');
      other.kill('SIGKILL');
    }
  });

  it('tells a process from an earlier one with its pid', () => {
    const own = identify(process.pid);
    expect(isRunning(own)).toBe(true);
    expect(isRunning({ ...own, startTicks: '1' })).toBe(false);
    expect(isRunning({ pid: deadPid(), startTicks: null })).toBe(false);
  });
});

describe('the control channel', () => {
  it('takes the place of a socket that was left behind, and of nothing else', async () => {
    const path = join(folder, 'control.sock');
    writeFileSync(path, 'mine');
    await expect(serveControl(path, async () => 'fine')).rejects.toThrow('control.sock is in the way');
    expect(readFileSync(path, 'utf8')).toBe('mine');
    rmSync(path);
    const abandon = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 9))`;
    spawnSync(process.execPath, ['-e', abandon]);
    expect(lstatSync(path).isSocket()).toBe(true);
    server = await serveControl(path, async () => 'fine');
    expect(await askSupervisor(path, { command: 'status' }, 5000)).toBe('fine');
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  let server: ControlServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  async function serve(handle: (request: ControlRequest) => Promise<unknown>): Promise<string> {
    const path = join(folder, 'control.sock');
    server = await serveControl(path, handle);
    return path;
  }

  /** Sends raw text and resolves with all that comes back. */
  function send(path: string, text: string): Promise<string> {
    return new Promise((done) => {
      let answer = '';
      const socket = connect(path, () => socket.end(text));
      socket.on('data', (chunk) => {
        answer += String(chunk);
      });
      socket.on('error', () => {});
      socket.on('close', () => done(answer));
    });
  }

  it('answers with what the handler says', async () => {
    const path = await serve(async (request) => ({ asked: request.command }));
    expect(await askSupervisor(path, { command: 'status' }, 5000)).toEqual({ asked: 'status' });
    expect(await askSupervisor(path, { command: 'pause', id: 2 }, 5000)).toEqual({ asked: 'pause' });
  });

  it('fails with what the handler fails with', async () => {
    const path = await serve(async () => {
      throw new Error('no server 9');
    });
    const asking = askSupervisor(path, { command: 'restart', id: 9 }, 5000);
    await expect(asking).rejects.toThrow(ControlError);
    await expect(asking).rejects.toThrow('no server 9');
  });

  it.each([
    ['{"command":"fly"}\n', /"ok":false,"error":"bad request: command: /],
    [
      '{"command":"kill","id":1,"signal":"SIGNOT","restart":true}\n',
      /bad request: signal: expected a signal such as SIGKILL/,
    ],
    ['{"command":"pause","id":-1}\n', /bad request: id: /],
    ['garbage\n', /"ok":false/],
    ['{"command":"status"}', /^$/],
    ['x'.repeat(2 * REQUEST_BYTES_MAX), /^$/],
  ])('survives %.40s', async (text, answer) => {
    const path = await serve(async () => 'fine');
    expect(await send(path, text)).toMatch(answer);
    expect(await askSupervisor(path, { command: 'status' }, 5000)).toBe('fine');
  });

  it('fails clearly where nobody listens, or nobody answers', async () => {
    await expect(askSupervisor(join(folder, 'none.sock'), { command: 'status' }, 5000)).rejects.toThrow(
      /no answer from the supervisor: there is no .*none\.sock; .* another program: then remove that file/,
    );
    symlinkSync(join(folder, 'control.sock'), join(folder, 'link.sock'));
    await expect(askSupervisor(join(folder, 'link.sock'), { command: 'status' }, 5000)).rejects.toThrow(
      'is not the socket of a supervisor of ours',
    );
    const path = await serve(() => new Promise(() => {}));
    await expect(askSupervisor(path, { command: 'status' }, 20)).rejects.toThrow('did not answer within 20 ms');
  });
});
