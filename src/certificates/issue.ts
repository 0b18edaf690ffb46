import { createPrivateKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import type { Extension, X509CertificateCreateWithKeyParams } from '@peculiar/x509';
import type { RevokedEntry } from '../net/endpoints/revocationList.ts';
import type { HostName } from './holders.ts';

/** Of all keys: what every TLS library has, at a fraction of what RSA costs in a handshake. */
const KEY_ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const SIGNATURE = { ...KEY_ALGORITHM, hash: 'SHA-256' } as const;

/** How long before it is made a certificate begins to hold: the clocks of other machines may be behind, ms. */
const BACKDATED_MS = 5 * 60_000;

/** From when to when a certificate holds, by the clock of whoever looks at it. */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** An authority's certificate and key, as PEM. */
export interface AuthorityPems {
  readonly cert: string;
  readonly key: string;
}

/** What a holder's certificate is to say. */
export interface Subject {
  /** For people. */
  readonly commonName: string;
  /** Who the holder is: one URI, but for tests. */
  readonly uris: readonly string[];
  /** Where it is dialled; nobody dials clients. */
  readonly hosts: readonly HostName[];
  /** Extended key usages, as object identifiers. */
  readonly usages: readonly string[];
}

export function validFor(nowMs: number, lastsMs: number): Validity {
  return { notBefore: new Date(nowMs - BACKDATED_MS), notAfter: new Date(nowMs + lastsMs) };
}

/** A new private key, as PEM (PKCS #8). */
export function newKey(): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: KEY_ALGORITHM.namedCurve });
  return privateKey.export({ type: 'pkcs8', format: 'pem' }) as string;
}

/** An authority's certificate for its own `key`, as PEM: it signs certificates of holders, and of no other authority. */
export async function issueAuthority(commonName: string, key: string, validity: Validity): Promise<string> {
  const library = await loadLibrary();
  const keys = await importKeys(key);
  const { BasicConstraintsExtension, KeyUsagesExtension, KeyUsageFlags, SubjectKeyIdentifierExtension } = library;
  const certificate = await library.X509CertificateGenerator.createSelfSigned({
    name: nameOf(commonName),
    keys: keys as never,
    ...common(validity),
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey as never),
    ],
  });
  return `${certificate.toString('pem')}\n`;
}

/** A holder's certificate for its `key`, as PEM, that the authority has signed. */
export async function issueCertificate(
  authority: AuthorityPems,
  { commonName, uris, hosts, usages }: Subject,
  key: string,
  validity: Validity,
): Promise<string> {
  const library = await loadLibrary();
  const { publicKey } = await importKeys(key);
  const signing = await importKeys(authority.key);
  const names = [...uris.map((value) => ({ type: 'url' as const, value })), ...hosts];
  const extensions: Extension[] = [
    new library.BasicConstraintsExtension(false, undefined, true),
    new library.KeyUsagesExtension(library.KeyUsageFlags.digitalSignature, true),
    new library.ExtendedKeyUsageExtension([...usages]),
    ...(names.length === 0 ? [] : [new library.SubjectAlternativeNameExtension(names)]),
    await library.SubjectKeyIdentifierExtension.create(publicKey as never),
    await library.AuthorityKeyIdentifierExtension.create(signing.publicKey as never),
  ];
  const params: X509CertificateCreateWithKeyParams = {
    subject: nameOf(commonName),
    issuer: new library.X509Certificate(authority.cert).subjectName.toJSON(),
    publicKey: publicKey as never,
    signingKey: signing.privateKey as never,
    ...common(validity),
    extensions,
  };
  const certificate = await library.X509CertificateGenerator.create(params);
  return `${certificate.toString('pem')}\n`;
}

/** Object identifier of a list's number (RFC 5280, 5.2.3), by which a later one is told from an earlier. */
const CRL_NUMBER = '2.5.29.20';

/** A list of what the authority has revoked, as PEM (RFC 5280, section 5), numbered by when it is made: Unix ms. */
export async function issueRevocationList(
  authority: AuthorityPems,
  revoked: readonly RevokedEntry[],
  { notBefore, notAfter }: Validity,
  number = Date.now(),
): Promise<string> {
  const library = await loadLibrary();
  const signing = await importKeys(authority.key);
  const list = await library.X509CrlGenerator.create({
    issuer: new library.X509Certificate(authority.cert).subjectName.toJSON(),
    thisUpdate: notBefore,
    nextUpdate: notAfter,
    signingAlgorithm: SIGNATURE,
    signingKey: signing.privateKey as never,
    entries: revoked.map(({ serialNumber, atMs }) => ({ serialNumber, revocationDate: new Date(atMs) })),
    extensions: [
      await library.AuthorityKeyIdentifierExtension.create(signing.publicKey as never),
      new library.Extension(CRL_NUMBER, false, derInteger(number)),
    ],
  });
  // As OpenSSL, and so everybody, calls it; the library does not.
  return `${library.PemConverter.encode(list.rawData, 'X509 CRL')}\n`;
}

/** Of a number from 0 (X.690, 8.3). */
function derInteger(value: number): Uint8Array {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  const positive = bytes[0]! < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]);
  return new Uint8Array(Buffer.concat([Buffer.of(0x02, positive.length), positive]));
}

function common(validity: Validity) {
  return { ...validity, serialNumber: newSerial(), signingAlgorithm: SIGNATURE };
}

const nameOf = (commonName: string) => [{ CN: [commonName] }];

/** 126 random bits, and the first two such that it is positive and of full length (RFC 5280, 4.1.2.2). */
function newSerial(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x3f) | 0x40;
  return bytes.toString('hex');
}

/** The library's part of all that is loaded is large, and most runs issue nothing. */
async function loadLibrary() {
  await import('reflect-metadata');
  const library = await import('@peculiar/x509');
  library.cryptoProvider.set(webcrypto as never);
  return library;
}

async function importKeys(pem: string): Promise<{ publicKey: webcrypto.CryptoKey; privateKey: webcrypto.CryptoKey }> {
  const { subtle } = webcrypto;
  const key = createPrivateKey(pem);
  const privateKey = await subtle.importKey(
    'pkcs8',
    key.export({ type: 'pkcs8', format: 'der' }),
    KEY_ALGORITHM,
    true,
    ['sign'],
  );
  const { kty, crv, x, y } = await subtle.exportKey('jwk', privateKey);
  const point = { kty: kty!, crv: crv!, x: x!, y: y! };
  return { privateKey, publicKey: await subtle.importKey('jwk', point, KEY_ALGORITHM, true, ['verify']) };
}
