import { X509Certificate } from 'node:crypto';
import {
  type AuthorityPems,
  issueAuthority,
  issueCertificate,
  issueRevocationList,
  newKey,
  type Validity,
} from '../../certificates/issue.ts';
import { CLIENT_USAGES, holderUri, SERVER_USAGES } from '../endpoints/holder.ts';

const HOUR_MS = 3_600_000;
const LASTS_MS = 30 * 24 * HOUR_MS;

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
  readonly usages?: readonly string[];
  /** From now; by default from an hour ago for thirty days. */
  readonly validFromMs?: number;
  readonly validForMs?: number;
}

/** An authority for tests, of what a cluster's own makes; it also signs what that never would. */
export class TestAuthority {
  private readonly pems: AuthorityPems;

  private constructor(pems: AuthorityPems) {
    this.pems = pems;
  }

  static async make(name = 'test authority'): Promise<TestAuthority> {
    const key = newKey();
    return new TestAuthority({ cert: await issueAuthority(name, key, validity({})), key });
  }

  get certificate(): string {
    return this.pems.cert;
  }

  /** A list of what it has revoked; by default of now. */
  revoke(revoked: readonly MadeCertificate[], more: CertificateRequest = {}): Promise<string> {
    const entries = revoked.map(({ certificate }) => ({
      serialNumber: new X509Certificate(certificate).serialNumber,
      atMs: Date.now(),
    }));
    return issueRevocationList(this.pems, entries, validity(more));
  }

  async issue(request: CertificateRequest): Promise<MadeCertificate> {
    const { name = 'holder', uris = [], dns = [], ips = [] } = request;
    const { usages = uris.some((uri) => uri.includes('/server/')) ? SERVER_USAGES : CLIENT_USAGES } = request;
    const hosts = [
      ...dns.map((value) => ({ type: 'dns' as const, value })),
      ...ips.map((value) => ({ type: 'ip' as const, value })),
    ];
    const key = newKey();
    const subject = { commonName: name, uris, hosts, usages };
    return { certificate: await issueCertificate(this.pems, subject, key, validity(request)), key };
  }

  /** Of server `id`, reached on this machine. */
  server(id: number, cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    const uris = [holderUri({ role: 'server', cluster, id })];
    return this.issue({ name: `server ${id}`, uris, dns: ['localhost'], ips: ['127.0.0.1', '::1'], ...more });
  }

  client(name = 'someone', cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    return this.issue({ name, uris: [holderUri({ role: 'client', cluster, name })], ...more });
  }

  operator(name = 'someone', cluster = 'demo', more: CertificateRequest = {}): Promise<MadeCertificate> {
    return this.issue({ name, uris: [holderUri({ role: 'operator', cluster, name })], ...more });
  }
}

function validity({ validFromMs = -HOUR_MS, validForMs = LASTS_MS }: CertificateRequest): Validity {
  const fromMs = Date.now() + validFromMs;
  return { notBefore: new Date(fromMs), notAfter: new Date(fromMs + validForMs) };
}
