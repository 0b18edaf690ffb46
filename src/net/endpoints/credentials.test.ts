import { generateKeyPairSync } from 'node:crypto';
import type { ExtendedKeyUsage } from '@peculiar/x509';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type MadeCertificate, TestAuthority } from '../testing/certificates.ts';
import { CredentialFolder } from '../testing/credentialFolder.ts';
import { CredentialFlagsError, credentialFiles } from './credentialFlags.ts';
import { CertificateError, type CredentialFiles, readCredentials } from './credentials.ts';

const DAY_MS = 86_400_000;
const folder = new CredentialFolder();
let authority: TestAuthority;
let server: MadeCertificate;
let files: CredentialFiles;

beforeAll(async () => {
  authority = await TestAuthority.make();
  server = await authority.server(3);
  files = folder.files(server, authority.certificate);
});
afterAll(() => folder.remove());

const read = (changed: Partial<CredentialFiles>, id = 3) => readCredentials({ ...files, ...changed }, id, Date.now());

function problemOf(changed: Partial<CredentialFiles>, id = 3): string {
  try {
    read(changed, id);
  } catch (error) {
    if (error instanceof CertificateError) return error.message.replaceAll(folder.path, '');
    throw error;
  }
  return 'none';
}

describe('the files of a server', () => {
  it('are its certificate, its key, and who may speak to it', () => {
    const { own, authorities, clientAuthorities, validToMs } = read({});
    expect(own).toEqual({ role: 'server', cluster: 'demo', id: 3 });
    expect(clientAuthorities).toBe(authorities);
    expect(validToMs - Date.now()).toBeGreaterThan(29 * DAY_MS);
  });

  it('are each named where they cannot be used, with what was expected', async () => {
    const other = await TestAuthority.make('another');
    const made = async (request: Promise<MadeCertificate>) => {
      const { certificate, key } = await request;
      return { cert: folder.write('bad.pem', certificate), key: folder.write('bad.key', key) };
    };
    const { privateKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
    });
    const problems = [
      problemOf({ cert: `${folder.path}/none.pem` }),
      problemOf({ cert: folder.path }),
      problemOf({ cert: folder.write('empty.pem', 'nothing') }),
      problemOf({ key: folder.write('text.key', 'nothing') }),
      problemOf({ key: folder.write('locked.key', privateKey) }),
      problemOf({ key: folder.write('other.key', (await authority.server(3)).key) }),
      problemOf({ ca: folder.write('leaf.pem', server.certificate) }),
      problemOf({ ca: folder.write('other.pem', other.certificate) }),
      problemOf({ clientCa: `${folder.path}/none.pem` }),
      problemOf(await made(authority.server(3, 'demo', { validFromMs: -DAY_MS, validForMs: DAY_MS / 2 }))),
      problemOf(await made(authority.server(3, 'demo', { validFromMs: DAY_MS }))),
      problemOf({}, 2),
      problemOf(await made(authority.client('alice'))),
      problemOf(await made(authority.issue({ name: 'nobody' }))),
      problemOf(await made(authority.server(3, 'demo', { usages: ['1.3.6.1.5.5.7.3.1' as ExtendedKeyUsage] }))),
      problemOf({}, 0),
    ];
    const beginnings = [
      'tls-cert /none.pem: cannot be read: ENOENT',
      'tls-cert : cannot be read: it is no file; expected a PEM file',
      'tls-cert /empty.pem: no certificate is in it: expected PEM',
      'tls-key /text.key: no private key can be read in it: expected an unencrypted key as PEM',
      'tls-key /locked.key: it is encrypted: expected an unencrypted key as PEM',
      'tls-key /other.key: it is not the key of the certificate in ',
      'tls-ca /leaf.pem: CN=server 3 is no authority: expected certificates of authorities',
      'tls-cert /1-cert.pem: it is not of an authority in /other.pem',
      'client-ca /none.pem: cannot be read: ENOENT',
      'tls-cert /bad.pem: the certificate of CN=server 3 has expired (20',
      'tls-cert /bad.pem: the certificate of CN=server 3 is not valid yet (from 20',
      'tls-cert /1-cert.pem: it is of server 3 of cluster demo: expected server 2 (rkv://CLUSTER/server/2)',
      'tls-cert /bad.pem: it is of client alice of cluster demo: expected server 3',
      'tls-cert /bad.pem: it names no server: expected the URI rkv://CLUSTER/server/3',
      'tls-cert /bad.pem: expected both extended key usages, serverAuth and clientAuth',
      "tls-cert /1-cert.pem: it is of server 3 of cluster demo: expected a client's or an operator's",
    ];
    expect(problems).toEqual(beginnings.map((beginning) => expect.stringContaining(beginning)));
  });

  it('may hold several authorities, while one takes the place of another', async () => {
    const next = await TestAuthority.make('next');
    const ca = folder.write('two.pem', `${next.certificate}\n${authority.certificate}`);
    expect(read({ ca }).authorities).toHaveLength(2);
  });
});

describe('the flags', () => {
  it('go together', () => {
    expect(credentialFiles({}, '-')).toBeUndefined();
    expect(credentialFiles({ 'tls-cert': '', 'tls-key': '', 'tls-ca': '', 'client-ca': '' }, '-')).toBeUndefined();
    const three = { 'tls-cert': 'a', 'tls-key': 'b', 'tls-ca': 'c' };
    expect(credentialFiles(three, '-')).toEqual({ cert: 'a', key: 'b', ca: 'c', clientCa: undefined });
    expect(() => credentialFiles({ 'tls-cert': 'a', 'client-ca': 'd' }, '--')).toThrow(
      new CredentialFlagsError(
        '--tls-cert and --client-ca without --tls-key and --tls-ca: expected all of --tls-cert and --tls-key and --tls-ca for TLS, or none',
      ),
    );
  });
});
