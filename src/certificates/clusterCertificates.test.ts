import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UnusableFileError } from '../files/regularFile.ts';
import { filesIn } from '../net/endpoints/credentialFlags.ts';
import { readRevocations } from '../net/endpoints/revocations.ts';
import {
  AUTHORITY_LASTS_MS,
  AuthorityKeyError,
  authorityFolder,
  CERTIFICATE_LASTS_MS,
  type CertifiedCluster,
  holderFiles,
  type Issued,
  keepCertificates,
  revocationFile,
  revokeHolder,
  UnknownHolderError,
} from './clusterCertificates.ts';
import type { Holder } from './holders.ts';

const CLUSTER: CertifiedCluster = {
  name: 'demo',
  servers: [
    { id: 1, hosts: ['127.0.0.1'] },
    { id: 2, hosts: ['db2.example', '10.0.0.2'] },
  ],
};
const DAY_MS = 86_400_000;
const NOW_MS = Date.parse('2026-11-27T10:00:00Z');
const SERVER_2: Holder = { kind: 'server', id: 2 };
const HOLDERS: readonly Holder[] = [{ kind: 'server', id: 1 }, SERVER_2, { kind: 'operator' }, { kind: 'client' }];

let parent: string;
/** As it was made, for all tests. */
let made: string;
let folder: string;
let issued: Issued[];
beforeAll(async () => {
  parent = mkdtempSync(join(tmpdir(), 'rkv-certificates-'));
  made = join(parent, 'made');
  issued = await keepCertificates(made, CLUSTER, NOW_MS);
});
beforeEach(() => {
  folder = join(parent, 'tls');
  cpSync(made, folder, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => rmSync(parent, { recursive: true }));

const certificateAt = (path: string) => new X509Certificate(readFileSync(path));
const certificateOf = (holder: Holder) => certificateAt(holderFiles(folder, holder).cert);
const authority = () => certificateAt(filesIn(authorityFolder(folder)).cert);
const keep = (nowMs = NOW_MS, cluster = CLUSTER) => keepCertificates(folder, cluster, nowMs);

/** Contents by path, of all files but the list of what was revoked, which is made again more often. */
function contents(): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /(?:cert|key|ca)\.pem$/.test(name),
  );
  return Object.fromEntries(names.map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
}

describe('what is revoked', () => {
  const client: Holder = { kind: 'client' };
  const list = (nowMs = NOW_MS) => readRevocations(revocationFile(folder), [authority()], nowMs);
  const revoke = (holder: string, nowMs = NOW_MS) => revokeHolder(folder, CLUSTER, holder, nowMs);

  it('stands in a list, which is there from the start, and has another certificate and key', async () => {
    expect(list().entries).toEqual([]);
    const [before, key] = [certificateOf(client), readFileSync(holderFiles(folder, client).key, 'utf8')];
    expect(await revoke('client')).toEqual([{ name: 'client', why: 'does-not-fit' }]);
    const after = certificateOf(client);
    expect(list().entries).toEqual([{ serialNumber: before.serialNumber, atMs: NOW_MS }]);
    expect([list().isRevoked([before]), list().isRevoked([after])]).toEqual([true, false]);
    expect(readFileSync(holderFiles(folder, client).key, 'utf8')).not.toBe(key);
    expect(await keep()).toEqual([]);
    await revoke('server-2', NOW_MS + 1000);
    expect(list(NOW_MS + 1000).entries).toHaveLength(2);
  });

  it('stays so when the list is made again, long before its time is over', async () => {
    await revoke('client');
    const { entries, nextUpdateMs } = list();
    expect(await keep(NOW_MS + 21 * DAY_MS)).toEqual([]);
    const later = list(NOW_MS + 21 * DAY_MS);
    expect(later.entries).toEqual(entries);
    expect(later.nextUpdateMs).toBe(nextUpdateMs + 21 * DAY_MS);
  });

  it('is gone on with where that was interrupted: no key of what is in the list goes on', async () => {
    const files = holderFiles(folder, client);
    const [cert, key] = [readFileSync(files.cert), readFileSync(files.key)];
    await revoke('client');
    writeFileSync(files.cert, cert);
    writeFileSync(files.key, key);
    expect(await keep()).toEqual([{ name: 'client', why: 'does-not-fit' }]);
    expect(readFileSync(files.key)).not.toEqual(key);
  });

  it('is nobody whom nobody knows, and a damaged list is not taken for none', async () => {
    const failure = await revoke('mallory').catch((error: unknown) => error);
    expect(failure).toBeInstanceOf(UnknownHolderError);
    expect((failure as Error).message).toBe(
      'mallory has no certificate here: expected one of server-1, server-2, operator, client',
    );
    writeFileSync(revocationFile(folder), 'half');
    await expect(keep()).rejects.toThrow('crl.pem: no list is in it');
  });
});

describe('what is made', () => {
  it('is an authority and a certificate of each holder', () => {
    expect(issued.map(({ name }) => name)).toEqual(['authority', 'server-1', 'server-2', 'operator', 'client']);
    expect(new Set(issued.map(({ why }) => why))).toEqual(new Set(['missing']));
  });

  it('are certificates that the authority signed, and says so', () => {
    const root = authority();
    expect(root.ca).toBe(true);
    expect(root.verify(root.publicKey)).toBe(true);
    for (const holder of HOLDERS) {
      const certificate = certificateOf(holder);
      expect(certificate.checkIssued(root)).toBe(true);
      expect(certificate.verify(root.publicKey)).toBe(true);
      expect(certificate.ca).toBe(false);
      expect(readFileSync(holderFiles(folder, holder).ca, 'utf8')).toBe(root.toString());
    }
  });

  it('names its holder by one URI, and a server by its hosts too', () => {
    const names = HOLDERS.map((holder) => certificateOf(holder).subjectAltName!);
    expect(names.map((text) => text.split(', ').filter((name) => name.startsWith('URI:')))).toEqual([
      ['URI:rkv://demo/server/1'],
      ['URI:rkv://demo/server/2'],
      ['URI:rkv://demo/operator/operator'],
      ['URI:rkv://demo/client/client'],
    ]);
    const server = certificateOf(SERVER_2);
    for (const host of ['localhost', 'db2.example']) expect(server.checkHost(host)).toBe(host);
    for (const ip of ['127.0.0.1', '::1', '10.0.0.2']) expect(server.checkIP(ip)).toBe(ip);
    expect(server.checkHost('db1.example')).toBeUndefined();
    expect(certificateOf({ kind: 'client' }).checkIP('127.0.0.1')).toBeUndefined();
  });

  it('is for what its holder does: servers answer and dial, the others dial', () => {
    const [serverAuth, clientAuth] = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.5.5.7.3.2'];
    // Node.js calls them key usages.
    expect(HOLDERS.map((holder) => certificateOf(holder).keyUsage)).toEqual([
      [serverAuth, clientAuth],
      [serverAuth, clientAuth],
      [clientAuth],
      [clientAuth],
    ]);
  });

  it('has ECDSA keys on P-256, each its own, and serial numbers that nobody foresees', () => {
    const all = [authority(), ...HOLDERS.map(certificateOf)];
    for (const { publicKey, serialNumber } of all) {
      expect(publicKey.asymmetricKeyDetails).toEqual({ namedCurve: 'prime256v1' });
      expect(serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
    }
    expect(new Set(all.map(({ serialNumber }) => serialNumber)).size).toBe(all.length);
    expect(new Set(all.map(({ publicKey }) => publicKey.export({ type: 'spki', format: 'pem' }))).size).toBe(
      all.length,
    );
  });

  it('holds for a year, and the authority for ten', () => {
    const lasts = ({ validFrom, validTo }: X509Certificate) => [Date.parse(validFrom), Date.parse(validTo)];
    expect(lasts(authority())).toEqual([NOW_MS - 300_000, NOW_MS + AUTHORITY_LASTS_MS]);
    for (const holder of HOLDERS)
      expect(lasts(certificateOf(holder))).toEqual([NOW_MS - 300_000, NOW_MS + CERTIFICATE_LASTS_MS]);
  });

  it('can be read by its user alone', () => {
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
      const stats = statSync(join(folder, name));
      expect(stats.mode & 0o777).toBe(stats.isDirectory() ? 0o700 : 0o600);
    }
  });
});

describe('what is there', () => {
  it('is kept as it is while it does', async () => {
    const before = contents();
    expect(await keep(NOW_MS + CERTIFICATE_LASTS_MS / 2)).toEqual([]);
    expect(contents()).toEqual(before);
  });

  it('is renewed for the same key when a third of its time is left', async () => {
    const before = contents();
    const issued = await keep(NOW_MS + CERTIFICATE_LASTS_MS * 0.7);
    expect(issued).toEqual(['server-1', 'server-2', 'operator', 'client'].map((name) => ({ name, why: 'ends-soon' })));
    const changed = Object.entries(contents()).filter(([name, text]) => before[name] !== text);
    expect(changed.map(([name]) => name).sort()).toEqual(
      ['client/cert.pem', 'operator/cert.pem', 'server-1/cert.pem', 'server-2/cert.pem'].sort(),
    );
    expect(Date.parse(certificateOf(SERVER_2).validTo)).toBe(NOW_MS + CERTIFICATE_LASTS_MS * 1.7);
  });

  it('goes on to hold under an authority that is renewed for its key, and ends no later than that', async () => {
    const old = certificateOf(SERVER_2);
    const lateMs = NOW_MS + AUTHORITY_LASTS_MS * 0.7;
    const issued = await keep(lateMs);
    expect(issued[0]).toEqual({ name: 'authority', why: 'ends-soon' });
    expect(old.verify(authority().publicKey)).toBe(true);
    expect(old.checkIssued(authority())).toBe(true);
    expect(Date.parse(authority().validTo)).toBe(lateMs + AUTHORITY_LASTS_MS);
    for (const holder of HOLDERS)
      expect(readFileSync(holderFiles(folder, holder).ca, 'utf8')).toBe(authority().toString());
  });

  it('is joined by a certificate of a server that is new, and by nothing else', async () => {
    const servers = [...CLUSTER.servers, { id: 3, hosts: [] }];
    expect(await keep(NOW_MS, { ...CLUSTER, servers })).toEqual([{ name: 'server-3', why: 'missing' }]);
  });

  it('is made anew where it says something else: another host, another name of the cluster', async () => {
    const moved = [CLUSTER.servers[0]!, { id: 2, hosts: ['db3.example'] }];
    expect(await keep(NOW_MS, { ...CLUSTER, servers: moved })).toEqual([{ name: 'server-2', why: 'does-not-fit' }]);
    const issued = await keep(NOW_MS, { ...CLUSTER, servers: moved, name: 'my cluster' });
    expect(issued).toHaveLength(4);
    expect(certificateOf({ kind: 'client' }).subjectAltName).toBe('URI:rkv://my-cluster/client/client');
  });

  it('is mended where it is damaged, another authority’s or without its key', async () => {
    const { cert, key } = holderFiles(folder, SERVER_2);
    writeFileSync(cert, 'no certificate');
    expect(await keep()).toEqual([{ name: 'server-2', why: 'missing' }]);
    rmSync(key);
    expect(await keep()).toEqual([{ name: 'server-2', why: 'does-not-fit' }]);
    rmSync(authorityFolder(folder), { recursive: true });
    expect(await keep()).toHaveLength(5);
    expect(await keep()).toEqual([]);
  });

  it('is closed to others where somebody opened it', async () => {
    const { key } = filesIn(authorityFolder(folder));
    chmodSync(key, 0o644);
    chmodSync(folder, 0o755);
    await keep();
    expect(statSync(key).mode & 0o777).toBe(0o600);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('is an authority that nobody replaces by mistake: without its key nothing is signed', async () => {
    const { key } = filesIn(authorityFolder(folder));
    rmSync(key);
    const before = contents();
    await expect(keep()).rejects.toThrow(AuthorityKeyError);
    writeFileSync(key, 'no key');
    await expect(keep()).rejects.toThrow(AuthorityKeyError);
    rmSync(key);
    expect(contents()).toEqual(before);
  });

  it('is no folder in the place of a file', async () => {
    const { cert } = holderFiles(folder, SERVER_2);
    rmSync(cert);
    mkdirSync(cert);
    await expect(keep()).rejects.toThrow(UnusableFileError);
  });
});
