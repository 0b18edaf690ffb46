import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Client,
  credentials,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand } from '../src/bench/command.ts';
import { readRun } from '../src/bench/results/store.ts';
import { UnsupportedError } from '../src/client/errors.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import { run } from '../src/client/rkvctl/run.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';
import { rawMethod } from '../src/wire/rawMethod.ts';

const METHODS = ['Register', 'Insert', 'Lookup', 'Reconf', 'ReconfOnBecome'];

/**
 * What a client sees of one of the original's servers: the five unary methods of `rkvpb.RKV` and nothing else, and errors that
 * are texts (Go's code for those is UNKNOWN). Behind it is one of our servers.
 */
class OriginalServer {
  readonly id: number;
  address = '';
  readonly calls: string[] = [];
  private readonly server = new Server();
  private readonly client: Client;

  constructor(id: number, behind: string) {
    this.id = id;
    this.client = new Client(behind, credentials.createInsecure());
    const definition = Object.fromEntries(METHODS.map((name) => [name, rawMethod(`/rkvpb.RKV/${name}`)]));
    const implementation = Object.fromEntries(
      METHODS.map((name) => [
        name,
        (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => this.pass(name, call.request, done),
      ]),
    );
    this.server.addService(definition, implementation);
  }

  async start(): Promise<this> {
    const port = await new Promise<number>((done, fail) => {
      this.server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
        error === null ? done(bound) : fail(error),
      );
    });
    this.address = `127.0.0.1:${port}`;
    return this;
  }

  private pass(name: string, request: Buffer, done: sendUnaryData<Buffer>): void {
    this.calls.push(name);
    const same = (bytes: Buffer) => bytes;
    this.client.makeUnaryRequest<Buffer, Buffer>(`/rkvpb.RKV/${name}`, same, same, request, (error, response) => {
      if (error !== null) done({ code: status.UNKNOWN, details: error.details });
      // Trailers are none of the original's.
      else done(null, response!);
    });
  }

  stop(): void {
    this.server.forceShutdown();
    this.client.close();
  }
}

let cluster: RunningCluster;
let originals: OriginalServer[];
let leader: number;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rkv-original-'));
  cluster = await startCluster({ nodes: 4, cluster: [1, 2, 3], election: '2s', metrics: false });
  originals = await Promise.all(cluster.addresses.map((address, at) => new OriginalServer(at + 1, address).start()));
}, 60_000);
beforeEach(async () => {
  leader = await cluster.waitForLeader({ timeoutMs: 20_000 });
  for (const { calls } of originals) calls.length = 0;
});
afterAll(async () => {
  for (const server of originals ?? []) server.stop();
  await cluster?.stop();
  await rm(folder, { recursive: true });
});

/** `rkvctl` with the servers of the ids in `ours` as they are and the others as the original's. */
async function rkvctl(line: string, ours: readonly number[] = []) {
  let out = '';
  let err = '';
  const keep = (text: string) => {
    out += `${text}\n`;
  };
  const terminal = {
    out: keep,
    json: () => {},
    value: keep,
    raw: keep,
    err: (text: string) => {
      err += `${text}\n`;
    },
    interactive: false,
    outInteractive: false,
  };
  const addresses = originals.map(({ id, address }) => (ours.includes(id) ? cluster.addresses[id - 1]! : address));
  const argv = ['-cluster', addresses.join(','), ...line.split(' ')];
  const code = await run(argv, { terminal, signal: new AbortController().signal, folder });
  return { code, out, err };
}

const NOTICE =
  /^127\.0\.0\.1:\d+ does not know rkvpb\.RKV\/Session: it is one of the original's servers, or older than this client; using unary calls there\n$/;

describe("beside the original's servers", () => {
  it('puts and gets by unary calls, and says so once', async () => {
    const put = await rkvctl('put a 1');
    expect(put).toMatchObject({ code: 0, out: 'ok\n' });
    expect(put.err).toMatch(NOTICE);
    expect(await rkvctl('get a')).toMatchObject({ code: 0, out: '1\n', err: put.err });
    expect(await rkvctl('get none')).toMatchObject({ code: 2, out: '(none)\n' });
    expect(await rkvctl('-rpc unary get a')).toEqual({ code: 0, out: '1\n', err: '' });
    const load = await rkvctl('-count 50 -throughput 0 -clients 4 -csv=false');
    expect(load).toMatchObject({ code: 0 });
    expect(load.out).toMatch(/^200 requests done/);
  }, 60_000);

  it('reaches the leader whichever servers are of which kind', async () => {
    const all = [1, 2, 3, 4];
    for (const ours of [[leader], all.filter((id) => id !== leader), [1], [4], all]) {
      const key = `k${ours.join('')}`;
      expect(await rkvctl(`put ${key} 1`, ours)).toMatchObject({ code: 0, out: 'ok\n' });
      expect(await rkvctl(`get ${key}`, ours)).toMatchObject({ code: 0, out: '1\n' });
      expect(await rkvctl('leader', ours)).toEqual({ code: 0, out: `${leader}\n`, err: '' });
    }
  }, 60_000);

  it('says who leads, and what it cannot know', async () => {
    const { code, out, err } = await rkvctl('status');
    expect([code, err]).toEqual([0, '']);
    const rows = out.split('\n').filter((row) => row.includes('127.0.0.1') && row.includes('│'));
    expect(rows.map((row) => row.split('│').map((cell) => cell.trim())[3])).toEqual(
      [1, 2, 3, 4].map((id) => (id === leader ? 'leader' : 'no leader')),
    );
    expect(
      out.match(/is one of the original's servers, or older than this rkvctl: it does not say more\n/g),
    ).toHaveLength(4);
    const mixed = await rkvctl('status', [leader]);
    expect(mixed.out).toMatch(/members as server \d sees them: 1, 2, 3\n/);
    // A lookup panics some of the original's servers; nobody asked for one.
    expect(originals.flatMap(({ calls }) => calls).filter((name) => name !== 'Register')).toEqual([]);
  }, 60_000);

  it('are measured by a bench: named, with their leader and what their processes took, and read back only where that is asked for', async () => {
    const rkvBench = async (...args: string[]) => {
      const out: string[] = [];
      const exitCode = await runCommand(
        ['--cluster', originals.map(({ address }) => address).join(','), '--clients', '5', '--time', '400ms', ...args],
        {
          terminal: { out: (text) => out.push(text), json: () => {}, err: () => {} },
          progressStream: undefined,
          onInterrupt: () => () => {},
        },
      );
      return { exitCode, out: out.join('\n') };
    };
    const where = ['--warmup', '100ms', '--results', join(folder, 'results')];
    const written = await rkvBench(...where, '--name', 'written');
    expect(written.exitCode).toBe(0);
    expect(written.out).toMatch(/│ the original's │ +- +│ insert /);
    expect(written.out).toContain('using unary calls there');
    expect(written.out.replaceAll(/\s+/g, ' ')).toContain('lookups without proof that it leads');
    expect(written.out.replaceAll(/\s+/g, ' ')).toContain('--reads above 0 says that these can take one');
    const { repeats, verdict } = await readRun(join(folder, 'results', 'written'));
    expect(verdict).toMatchObject({ passed: true, verified: false });
    const { servers, leader: found, failed, serversCpuUsPerCommand } = repeats[0]!;
    expect([found, failed, servers.map(({ id }) => id)]).toEqual([leader, 0, [1, 2, 3, 4]]);
    // The proxies are threads of this process.
    expect(servers.every(({ cpuSeconds, residentBytesMax }) => cpuSeconds !== null && residentBytesMax! > 0)).toBe(
      true,
    );
    expect(serversCpuUsPerCommand).toBeGreaterThan(0);
    expect(originals.flatMap(({ calls }) => calls)).not.toContain('Lookup');
    const read = await rkvBench(...where, '--reads', '0.1', '--name', 'read');
    expect(read.exitCode).toBe(0);
    expect((await readRun(join(folder, 'results', 'read'))).verdict).toMatchObject({ passed: true, verified: true });
  }, 60_000);

  it('changes the membership', async () => {
    expect(await rkvctl('-add 4')).toMatchObject({ code: 0, out: 'server 4 added\n' });
    expect((await cluster.status())[leader - 1]?.voters).toEqual([1, 2, 3, 4]);
    const removed = await rkvctl('-remove 4 -ensure');
    expect(removed).toMatchObject({ code: 0, out: 'server 4 removed\n' });
    expect(removed.err).toContain("the original's servers add server 4 by themselves after a removal with -ensure");
    expect((await cluster.status())[leader - 1]?.voters).toEqual([1, 2, 3]);
  }, 60_000);

  it('names what a server does not know, and does not wait for it', async () => {
    const beganMs = performance.now();
    const { code, out, err } = await rkvctl('-timeout 30s transfer');
    expect([code, out]).toEqual([1, '']);
    expect(err).toBe(
      `${originals[leader - 1]!.address} does not know rkvadmin.Admin/TransferLeadership: it is one of the original's servers, or older than this client\n`,
    );
    expect(performance.now() - beganMs).toBeLessThan(15_000);
    const settings = await rkvctl('settings');
    expect(settings.code).toBe(1);
    // As if they had not answered, once.
    expect(settings.out).toBe(
      originals
        .map(
          ({ address }) => `${address} is one of the original's servers, or older than this rkvctl: it does not say\n`,
        )
        .join(''),
    );
    const mixed = await rkvctl('settings', [leader]);
    expect(mixed.out).toMatch(/batch +│ true +│ all/);
    expect(mixed.out.match(/older than this rkvctl: it does not say\n/g)).toHaveLength(3);
    const client = new RkvClient({ addresses: [originals[0]!.address] });
    await expect(client.status(originals[0]!.address)).rejects.toThrow(UnsupportedError);
    client.close();
  }, 60_000);
});
