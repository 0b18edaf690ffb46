import 'reflect-metadata';
import { randomBytes, webcrypto } from 'node:crypto';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type GeneralNameType,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const DAY_MS = 86_400_000;

/** A certificate and its key, as PEM. */
export interface MadeCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface CertificateRequest {
  readonly name?: string;
  /** Its `rkv://` URIs. */
  readonly uris?: readonly string[];
  readonly dns?: readonly string[];
  readonly ips?: readonly string[];
  /** By default those that docs/security.md asks of its URI. */
  readonly usages?: readonly ExtendedKeyUsage[];
  /** From now; by default from an hour ago for thirty days. */
  readonly validFromMs?: number;
  readonly validForMs?: number;
}

/** An authority for tests; its certificates are what docs/security.md says. */
export class TestAuthority {
  readonly certificate: string;
  private readonly own: X509Certificate;
  private readonly keys: webcrypto.CryptoKeyPair;

  private constructor(own: X509Certificate, keys: webcrypto.CryptoKeyPair) {
    this.own = own;
    this.keys = keys;
    this.certificate = own.toString('pem');
  }

  static async make(name = 'test authority'): Promise<TestAuthority> {
    const keys = await newKeys();
    const own = await X509CertificateGenerator.createSelfSigned(
      {
        serialNumber: serialNumber(),
        name: `CN=${name}`,
        keys,
        ...validity({}),
        signingAlgorithm: ALGORITHM,
        extensions: [
          new BasicConstraintsExtension(true, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return new TestAuthority(own, keys);
  }

  async issue(request: CertificateRequest): Promise<MadeCertificate> {
    const { name = 'holder', uris = [], dns = [], ips = [] } = request;
    const { usages = usagesOf(uris) } = request;
    const keys = await newKeys();
    const names = [
      ...uris.map((value) => ({ type: 'url' as GeneralNameType, value })),
      ...dns.map((value) => ({ type: 'dns' as GeneralNameType, value })),
      ...ips.map((value) => ({ type: 'ip' as GeneralNameType, value })),
    ];
    const made = await X509CertificateGenerator.create(
      {
        serialNumber: serialNumber(),
        subject: `CN=${name}`,
        issuer: this.own.subject,
        publicKey: keys.publicKey,
        signingKey: this.keys.privateKey,
        ...validity(request),
        signingAlgorithm: ALGORITHM,
        extensions: [
          new BasicConstraintsExtension(false, undefined, true),
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
          new ExtendedKeyUsageExtension([...usages]),
          ...(names.length === 0 ? [] : [new SubjectAlternativeNameExtension(names)]),
          await SubjectKeyIdentifierExtension.create(keys.publicKey, false, webcrypto),
          await AuthorityKeyIdentifierExtension.create(this.keys.publicKey, false, webcrypto),
        ],
      },
      webcrypto,
    );
    return { certificate: made.toString('pem'), key: await pemOf(keys.privateKey) };
  }

  /** Of server `id`, reached on this machine. */
  server(id: number, cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    const uris = [`rkv://${cluster}/server/${id}`];
    return this.issue({ name: `server ${id}`, uris, dns: ['localhost'], ips: ['127.0.0.1', '::1'], ...more });
  }

  client(name = 'someone', cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    return this.issue({ name, uris: [`rkv://${cluster}/client/${name}`], ...more });
  }

  operator(name = 'someone', cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    return this.issue({ name, uris: [`rkv://${cluster}/operator/${name}`], ...more });
  }
}

function usagesOf(uris: readonly string[]): ExtendedKeyUsage[] {
  const isServer = uris.some((uri) => uri.includes('/server/'));
  return isServer ? [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth] : [ExtendedKeyUsage.clientAuth];
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']) as Promise<webcrypto.CryptoKeyPair>;
}

function validity({ validFromMs = -DAY_MS / 24, validForMs = 30 * DAY_MS }: CertificateRequest) {
  const nowMs = Date.now();
  return { notBefore: new Date(nowMs + validFromMs), notAfter: new Date(nowMs + validFromMs + validForMs) };
}

/** Positive, and of another length for nobody: no reader takes issue with it. */
function serialNumber(): string {
  return `4${randomBytes(15).toString('hex').slice(1)}`;
}

async function pemOf(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', key)).toString('base64');
  return `-----BEGIN PRIVATE KEY-----\n${bytes.replaceAll(/.{64}/g, '$&\n')}\n-----END PRIVATE KEY-----\n`;
}
