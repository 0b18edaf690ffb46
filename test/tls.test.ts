import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { request } from 'node:https';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { packagePath } from '../src/cli/packagePath.ts';
import { RkvClient } from '../src/client/rkvClient.ts';
import type { TlsSecurity } from '../src/net/endpoints/tlsSecurity.ts';
import { TestAuthority } from '../src/net/testing/certificates.ts';
import { CredentialFolder } from '../src/net/testing/credentialFolder.ts';
import { type RunningCluster, startCluster } from '../src/supervisor/launcher.ts';

const folder = new CredentialFolder();
let authority: TestAuthority;
let crl: string;
let cluster: RunningCluster;
let alice: TlsSecurity;
let olga: TlsSecurity;

const put = async (id: number) => {
  const { certificate, key } = await authority.server(id);
  folder.write(`${id}.pem`, certificate);
  folder.write(`${id}.key`, key);
};

beforeAll(async () => {
  authority = await TestAuthority.make();
  await Promise.all([1, 2, 3].map(put));
  const ca = folder.write('ca.pem', authority.certificate);
  alice = folder.security(await authority.client('alice'), 0, authority.certificate);
  olga = folder.security(await authority.operator('olga'), 0, authority.certificate);
  crl = folder.write('crl.pem', await authority.revoke([]));
  const [cert, key] = [`${folder.path}/{id}.pem`, `${folder.path}/{id}.key`];
  const flags = { 'tls-cert': cert, 'tls-key': key, 'tls-ca': ca, 'tls-crl': crl };
  cluster = await startCluster({ nodes: 3, flags }, { security: olga });
});
afterAll(async () => {
  await cluster?.stop();
  folder.remove();
});

async function withClient<T>(security: TlsSecurity, work: (client: RkvClient) => Promise<T>): Promise<T> {
  const client = new RkvClient({ addresses: cluster.addresses, security });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

const logOf = (id: number) => readFileSync(cluster.plan.servers[id - 1]!.logFile, 'utf8');

describe('three servers with TLS', () => {
  it('serve a client, and hand leadership over for an operator alone', async () => {
    await withClient(alice, async (client) => {
      const session = await client.openSession();
      await session.insert('a', '1');
      expect(await client.lookup('a')).toBe('1');
      await expect(client.transferLeadership(0)).rejects.toThrow("this takes an operator's certificate");
    });
    const before = await cluster.leader();
    await withClient(olga, (client) => client.transferLeadership(0));
    await expect.poll(() => cluster.leader()).not.toBe(before);
  });

  it('read their certificates again on SIGHUP, and lose no link', async () => {
    const lost = () => [1, 2, 3].map((id) => logOf(id).match(/out of reach/g)?.length);
    const leader = await cluster.leader();
    const before = lost();
    await Promise.all([1, 2, 3].map(put));
    for (const pid of cluster.pids().values()) process.kill(pid, 'SIGHUP');
    for (const id of [1, 2, 3]) await expect.poll(() => logOf(id)).toContain('certificates were read again');
    await withClient(alice, async (client) => {
      const session = await client.openSession();
      await session.insert('b', '2');
      expect(await client.lookup('b')).toBe('2');
    });
    expect(lost()).toEqual(before);
    expect(await cluster.leader()).toBe(leader);
  });

  it('tell operators who is connected, by the names in certificates', async () => {
    await withClient(alice, async (client) => {
      const session = await client.openSession();
      await session.insert('c', '3');
      const [refused] = await client.connectedClients(20);
      expect(refused).toMatchObject({ error: { message: expect.stringContaining("takes an operator's certificate") } });
      const reports = await withClient(olga, (operator) => operator.connectedClients(20));
      const rows = reports.flatMap((report) => ('told' in report ? report.told.clients : []));
      const mine = rows.filter(({ role, name }) => role === 'client' && name === 'alice');
      expect(mine.some(({ sessions }) => sessions === 1)).toBe(true);
      expect(mine.some(({ refusals }) => refusals >= 1)).toBe(true);
      expect(rows.filter(({ role }) => role === 'server').length).toBeGreaterThanOrEqual(3);
    });
  });

  it('let go of whom a list names that is put there while they run, and of nobody else', async () => {
    const made = await authority.client('mallory');
    const mallory = folder.security(made, 0, authority.certificate);
    await withClient(mallory, async (client) => {
      const session = await client.openSession();
      await session.insert('d', '4');
      writeFileSync(crl, await authority.revoke([made]));
      for (const pid of cluster.pids().values()) process.kill(pid, 'SIGHUP');
      await expect.poll(() => logOf(1)).toContain(`1 certificate is revoked by ${crl}`);
      await expect(client.lookup('d', { timeoutMs: 2000 })).rejects.toThrow(
        'the certificate shown (client mallory of cluster demo) was revoked',
      );
    });
    await withClient(alice, async (client) => expect(await client.lookup('d')).toBe('4'));
  });

  it('show their metrics to holders of certificates, when theirs expires among them', async () => {
    const [report] = await cluster.status();
    const metricsAddress = report!.metricsAddress!;
    const { cert, key, ca } = alice.credentials;
    const text = await new Promise<string>((resolve, reject) => {
      const asked = request(metricsAddress.replace('localhost', '127.0.0.1'), { cert, key, ca }, (response) => {
        let all = '';
        response.on('data', (piece) => (all += piece)).on('end', () => resolve(all));
      });
      asked.on('error', reject).end();
    });
    expect(text).toMatch(/^raft_server_by_client_refusals\{address="127.0.0.1",role="client",name="alice"\} [1-9]/m);
    expect(Number(/^raft_server_certificate_expiry_seconds (\S+)$/m.exec(text)?.[1])).toBeGreaterThan(86_400);
    const none = await new Promise((resolve, reject) => {
      const asked = request(metricsAddress, { ca }, (response) => resolve(response.resume().statusCode));
      asked.on('error', reject).end();
    });
    expect(none).toBe(403);
  });
});

describe('a server that cannot use its certificate', () => {
  it('says which file, and what was expected', async () => {
    const run = (...flags: string[]) =>
      spawnSync(
        process.execPath,
        [packagePath('bin', 'rkvd'), '-id=1', '-quiet', `-logfile=${folder.path}/log`, ...flags],
        {
          encoding: 'utf8',
          timeout: 20_000,
        },
      );
    writeFileSync(`${folder.path}/no.key`, 'nothing');
    const { status, stderr } = run(
      `-tls-cert=${folder.path}/1.pem`,
      `-tls-key=${folder.path}/no.key`,
      `-tls-ca=${folder.path}/ca.pem`,
    );
    expect(status).toBe(1);
    expect(stderr).toContain('no.key: no private key can be read in it: expected an unencrypted key as PEM');
    const good = [`-tls-cert=${folder.path}/1.pem`, `-tls-key=${folder.path}/1.key`, `-tls-ca=${folder.path}/ca.pem`];
    expect(run(...good, `-tls-crl=${folder.path}/no.key`)).toMatchObject({
      status: 1,
      stderr: expect.stringMatching(/^rkvd: tls-crl .*no\.key: no list is in it: expected PEM .*\n$/),
    });
  });
});
