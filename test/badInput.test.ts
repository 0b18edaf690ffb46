import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client, credentials, type ServiceError, status } from '@grpc/grpc-js';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RkvClient } from '../src/client/rkvClient.ts';
import { RawPeer } from '../src/server/transport/testing/rawPeer.ts';
import { type RunningCluster, rkvdProgram, startCluster } from '../src/supervisor/launcher.ts';
import { takeFreePorts } from '../src/supervisor/process/freePorts.ts';
import { SESSION_METHOD } from '../src/wire/sessionCodec.ts';
import { ExitCode } from '../src/wire/supervision.ts';

describe('bad input to a running server', () => {
  let cluster: RunningCluster;
  let address: string;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, election: '200ms', metrics: false });
    address = cluster.plan.servers[0]!.address;
  });

  afterAll(() => cluster?.stop());

  const call = (method: string, bytes: Buffer): Promise<ServiceError> =>
    new Promise((resolve, reject) => {
      const client = new Client(address, credentials.createInsecure(), {
        'grpc.max_send_message_length': 512 * 1024 * 1024,
      });
      const same = (buffer: Buffer) => buffer;
      client.makeUnaryRequest(method, same, same, bytes, (error) => {
        client.close();
        if (error === null) reject(new Error(`${method} succeeded`));
        else resolve(error);
      });
    });
  const stillServes = async () => {
    const client = new RkvClient({ addresses: [address] });
    try {
      const session = await client.openSession();
      await session.insert('alive', 'yes');
      expect(await client.lookup('alive')).toBe('yes');
    } finally {
      client.close();
    }
  };

  const garbage = Buffer.from('0a ff ff ff ff ff ff ff ff ff 01'.replaceAll(' ', ''), 'hex');

  it.each([
    '/rkvpb.RKV/Insert',
    '/rkvpb.RKV/Lookup',
    '/rkvpb.RKV/Reconf',
    '/gorums.Raft/AppendEntries',
    '/gorums.Raft/RequestVote',
    '/gorums.Raft/InstallSnapshot',
    '/gorums.Raft/CatchMeUp',
  ])('refuses garbage bytes on %s', async (method) => {
    const error = await call(method, garbage);
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    await stillServes();
  });

  it('refuses garbage on a session stream', async () => {
    const client = new Client(address, credentials.createInsecure());
    const same = (buffer: Buffer) => buffer;
    const stream = client.makeBidiStreamRequest(SESSION_METHOD.path, same, same);
    const error = await new Promise<ServiceError>((resolve) => {
      stream.on('error', resolve);
      stream.on('data', () => {});
      stream.write(garbage);
    });
    expect(error.code).toBe(status.INVALID_ARGUMENT);
    client.close();
    await stillServes();
  });

  it('refuses garbage on a peer’s link', async () => {
    const peer = await RawPeer.dial(address);
    peer.say(garbage, garbage);
    expect((await peer.ended)?.code).toBe(status.INVALID_ARGUMENT);
    await stillServes();
  });

  it('refuses a message above -maxgrpc', async () => {
    const error = await call('/rkvpb.RKV/Insert', Buffer.alloc(134_217_728 + 1));
    expect(error.code).toBe(status.RESOURCE_EXHAUSTED);
    await stillServes();
  });

  it('survives bytes that are not HTTP/2', async () => {
    const [host, port] = address.split(':') as [string, string];
    await new Promise<void>((resolve) => {
      const socket = connect(Number(port), host, () => socket.end(Buffer.from('GET / HTTP/1.0\r\n\r\n\x00\xff\xfe')));
      socket.on('error', () => {});
      socket.resume();
      socket.on('close', () => resolve());
    });
    await stillServes();
  });
});

describe('a command line that cannot be carried out', () => {
  let folder: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rkv-bad-input-'));
  });

  afterAll(() => rm(folder, { recursive: true, force: true }));

  const rkvd = async (...flags: string[]) => {
    const { file, args } = rkvdProgram;
    return execa(file, [...args, '-servermetrics=false', ...flags], {
      cwd: folder,
      reject: false,
      timeout: 20_000,
      env: { TMPDIR: folder },
    });
  };

  it.each([
    [['-id', 'one'], 'invalid value "one" for flag -id'],
    [['-id', '1', '-nosuch'], 'flag provided but not defined: -nosuch'],
    [['-id', '9'], 'invalid value "9" for flag -id: -servers names 7 servers'],
    [['-id', '1', '-servers', 'nowhere'], 'invalid value "nowhere" for flag -servers'],
    [['-id', '1', '-cluster', '1,1'], 'an id stands there twice'],
    [['-id', '1', '-servers', ':9201,localhost:9202,127.0.0.1:9201'], 'servers 1 and 3 have the same address'],
    [['-id', '1', '-backend', 'paxos'], '-backend'],
    [['-id', '1', '-election', '10'], 'for flag -election'],
    [['-id', '1', 'stray'], 'unexpected argument "stray"'],
    [[], '-id'],
  ])('%j: says what is wrong, then the usage, and exits 1', async (flags, message) => {
    const { exitCode, stderr } = await rkvd(...flags);
    expect(exitCode).toBe(1);
    expect(stderr).toContain(message);
    expect(stderr).toContain('Usage of rkvd:');
  });

  it('says that a port is in use, and leaves the data alone', async () => {
    const [port] = (await takeFreePorts(1)) as [number];
    const holder = createServer();
    await new Promise<void>((resolve) => holder.listen(port, '127.0.0.1', resolve));
    const { exitCode, stderr } = await rkvd('-id', '1', '-servers', `:${port}`, '-cluster', '1', '-datadir', 'used');
    holder.close();
    expect(exitCode).toBe(1);
    expect(stderr).toContain(`cannot listen on 127.0.0.1:${port}: another process listens there`);
  });

  it('says that a data directory cannot be used', async () => {
    const [port] = (await takeFreePorts(1)) as [number];
    await writeFile(join(folder, 'file'), 'not a folder');
    const flags = ['-id', '1', '-servers', `:${port}`, '-cluster', '1', '-quiet'];
    const { exitCode, stderr } = await rkvd(...flags, '-datadir', 'file');
    expect(exitCode).toBe(1);
    expect(stderr).toContain('cannot open the log store in');
  });

  it('refuses to recover from damaged data, and keeps it', async () => {
    const [port] = (await takeFreePorts(1)) as [number];
    const database = join(folder, 'damaged', 'rkvd-1');
    await mkdir(database, { recursive: true });
    await writeFile(join(database, 'CURRENT'), 'garbage');
    await chmod(join(database, 'CURRENT'), 0o600);
    const flags = ['-id', '1', '-servers', `:${port}`, '-cluster', '1', '-quiet', '-recover'];
    const { exitCode, stderr } = await rkvd(...flags, '-datadir', 'damaged');
    expect(exitCode).toBe(ExitCode.RefusedData);
    expect(stderr).toMatch(/^rkvd: these data are refused: .*CURRENT.*-rejoin/);
  });
});
