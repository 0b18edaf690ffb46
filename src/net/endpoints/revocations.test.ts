import { X509Certificate } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { der, ECDSA_SHA256, nameOf, oid, SEQUENCE } from '../../fuzz/der.ts';
import { type MadeCertificate, TestAuthority } from '../testing/certificates.ts';
import { CredentialFolder } from '../testing/credentialFolder.ts';
import { CertificateError } from './credentials.ts';
import { readRevocationList } from './revocationList.ts';
import { readRevocations } from './revocations.ts';

const DAY_MS = 86_400_000;
const folder = new CredentialFolder();
let authority: TestAuthority;
/** Of the same name: by that alone nobody could tell them apart. */
let other: TestAuthority;
let alice: MadeCertificate;
let bob: MadeCertificate;

beforeAll(async () => {
  [authority, other] = [await TestAuthority.make('one'), await TestAuthority.make('one')];
  [alice, bob] = [await authority.client('alice'), await authority.client('bob')];
});
afterAll(() => folder.remove());

const read = (text: string) =>
  readRevocations(folder.write('crl.pem', text), [new X509Certificate(authority.certificate)], Date.now());
function failureOf(text: string): unknown {
  try {
    return read(text);
  } catch (error) {
    return error;
  }
}
const chainOf = (made: MadeCertificate) => [new X509Certificate(made.certificate)];

describe('a list of what was revoked', () => {
  it('names certificates of its authority, and nothing else', async () => {
    const revocations = read(await authority.revoke([alice]));
    expect(revocations.entries).toHaveLength(1);
    expect(revocations.isRevoked(chainOf(alice))).toBe(true);
    expect(revocations.isRevoked(chainOf(bob))).toBe(false);
    expect(revocations.isRevoked([...chainOf(bob), ...chainOf(alice)])).toBe(true);
  });

  it('says nothing of a certificate of another authority with the same number', async () => {
    const { serialNumber } = new X509Certificate(alice.certificate);
    const revocations = read(await authority.revoke([alice]));
    const elsewhere = new X509Certificate((await TestAuthority.make('elsewhere')).certificate);
    const theirs = { serialNumber, checkIssued: (issuer: X509Certificate) => elsewhere.checkIssued(issuer) };
    expect(revocations.isRevoked([theirs as X509Certificate])).toBe(false);
  });

  it('may be empty, and may be one of several', async () => {
    expect(read(await authority.revoke([])).entries).toEqual([]);
    const both = read(`${await authority.revoke([alice])}\n${await authority.revoke([bob])}`);
    expect([both.entries.length, both.isRevoked(chainOf(alice)), both.isRevoked(chainOf(bob))]).toEqual([
      2,
      true,
      true,
    ]);
  });

  it('counts on when its time is over: whom it names stays out', async () => {
    const overdue = read(await authority.revoke([alice], { validFromMs: -2 * DAY_MS, validForMs: DAY_MS }));
    expect(overdue.isRevoked(chainOf(alice))).toBe(true);
    expect(overdue.nextUpdateMs).toBeLessThan(Date.now());
  });

  it.each<[string, () => Promise<string>, RegExp]>([
    ['is no PEM', async () => 'nothing', /crl\.pem: no list is in it: expected PEM \(-----BEGIN X509 CRL-----\)$/],
    ['is a certificate', async () => authority.certificate, /no list is in it/],
    [
      'is cut',
      async () => {
        const lines = (await authority.revoke([alice])).trim().split('\n');
        return [...lines.slice(0, 3), lines.at(-1)].join('\n');
      },
      /its list 1 cannot be read: /,
    ],
    [
      'was changed',
      async () => {
        const [pem, { serialNumber }] = [await authority.revoke([alice]), new X509Certificate(alice.certificate)];
        const bytes = Buffer.from(pem.replaceAll(/-----.*-----|\n/g, ''), 'base64');
        bytes[bytes.indexOf(Buffer.from(serialNumber, 'hex')) + 3]! ^= 1;
        return `-----BEGIN X509 CRL-----\n${bytes.toString('base64')}\n-----END X509 CRL-----\n`;
      },
      /not signed by an authority in tls-ca or client-ca: expected one of theirs, unchanged$/,
    ],
    ['is another authority’s', () => other.revoke([alice]), /not signed by an authority in tls-ca/],
    ['is of tomorrow', () => authority.revoke([alice], { validFromMs: DAY_MS }), /expected one of now or earlier/],
  ])('that %s is refused, and told why', async (_what, make, words) => {
    const failure = failureOf(await make());
    expect(failure).toBeInstanceOf(CertificateError);
    expect((failure as Error).message).toMatch(words);
    expect((failure as Error).message).toMatch(/^tls-crl \//);
  });

  it('of OpenSSL, with the reason of each, is read', () => {
    const [ca, certificate, pem] = readFileSync(new URL('testdata/openssl.pem', import.meta.url), 'utf8').match(
      /-----BEGIN[\s\S]+?-----END.*/g,
    )!;
    const path = folder.write('openssl.pem', pem!);
    const authorities = [new X509Certificate(ca!)];
    const revocations = readRevocations(path, authorities, Date.parse('2027-01-01'));
    expect(revocations.isRevoked([new X509Certificate(certificate!)])).toBe(true);
    expect(revocations.entries).toHaveLength(1);
    const bytes = Buffer.from(pem!.replaceAll(/-----.*-----|\n/g, ''), 'base64');
    const list = readRevocationList(bytes);
    expect(list).toMatchObject({ entries: [{ serialNumber: 'F1000000000000000007' }], criticalExtensions: [] });
    expect(list.algorithm).toBe('1.2.840.10045.4.3.3');
  });

  it('of which a part must be understood that is not, or signed by what is too weak, is refused', () => {
    const time = der(0x17, Buffer.from('260101000000Z'));
    const listOf = (algorithm: Buffer, ...more: Buffer[]) => {
      const body = der(SEQUENCE, der(0x02, Buffer.of(1)), algorithm, nameOf('one'), time, ...more);
      const list = der(SEQUENCE, body, algorithm, der(0x03, Buffer.of(0, 1)));
      return `-----BEGIN X509 CRL-----\n${list.toString('base64')}\n-----END X509 CRL-----\n`;
    };
    const critical = der(SEQUENCE, oid('551d1b'), der(0x01, Buffer.of(0xff)), der(0x04, Buffer.of(5, 0)));
    const delta = listOf(ECDSA_SHA256, der(0xa0, der(SEQUENCE, critical)));
    expect(() => read(delta)).toThrow('has the critical extension 2.5.29.27: expected a whole list');
    const sha1 = der(SEQUENCE, oid('2a864886f70d010105'), der(0x05));
    expect(() => read(listOf(sha1))).toThrow('is signed by the algorithm 1.2.840.113549.1.1.5: expected ECDSA or RSA');
  });

  it('that is not there is refused by its flag', () => {
    expect(() => readRevocations(join(folder.path, 'none.pem'), [], 0)).toThrow(
      /^tls-crl .*none\.pem: cannot be read: .*; expected a PEM file$/,
    );
    writeFileSync(join(folder.path, 'large.pem'), 'x'.repeat(1024 * 1024 + 1));
    expect(() => readRevocations(join(folder.path, 'large.pem'), [], 0)).toThrow('more than 1048576');
  });
});
