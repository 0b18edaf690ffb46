import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { describeHolder, type Holder, holderOf, holderUri, SERVER_USAGES } from './holder.ts';

/** The PEM files that a process shows and goes by; of `-tls-…` flags and options, by whose names errors call them. */
export interface CredentialFiles {
  readonly cert: string;
  readonly key: string;
  /** The authority of servers' certificates. */
  readonly ca: string;
  /** Of clients' and operators'; that of servers' where undefined. Only servers look at it. */
  readonly clientCa: string | undefined;
  /** A list of certificates that were revoked; only servers look at it. */
  readonly crl?: string | undefined;
}

/** A file of certificates or keys that cannot be used; the message names it and says what was expected. */
export class CertificateError extends Error {
  override readonly name = 'CertificateError';
}

/** What such files hold, checked. */
export interface Credentials {
  readonly own: Holder;
  readonly leaf: X509Certificate;
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly clientCa: string;
  readonly authorities: readonly X509Certificate[];
  readonly clientAuthorities: readonly X509Certificate[];
  /** From when to when all of the own chain is valid, Unix ms. */
  readonly validFromMs: number;
  readonly validToMs: number;
}

const FILE_BYTES_MAX = 1024 * 1024;
const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** `id`: of the server whose files these have to be; 0 where they are to be a client's or an operator's. Throws CertificateError. */
export function readCredentials(files: CredentialFiles, id: number, nowMs: number): Credentials {
  const chain = certificatesIn('tls-cert', files.cert);
  const key = readPemFile('tls-key', files.key);
  const privateKey = keyIn(files.key, key);
  const leaf = chain[0]!;
  if (!leaf.checkPrivateKey(privateKey)) {
    throw new CertificateError(
      `tls-key ${files.key}: it is not the key of the certificate in ${files.cert}: expected the one that this was made with`,
    );
  }
  for (const each of chain) checkDates('tls-cert', files.cert, each, nowMs);
  const own = ownHolder(files.cert, leaf, id);
  const authorities = authoritiesIn('tls-ca', files.ca, nowMs);
  const clientAuthorities =
    files.clientCa === undefined ? authorities : authoritiesIn('client-ca', files.clientCa, nowMs);
  if (own.role === 'server') {
    checkUsage(files.cert, leaf);
    if (!isOf(authorities, chain)) {
      throw new CertificateError(
        `tls-cert ${files.cert}: it is not of an authority in ${files.ca} (tls-ca), by which its peers judge it`,
      );
    }
  }
  // Each as OpenSSL takes it, whatever else the files hold.
  const [cert, ca, clientCa] = [chain, authorities, clientAuthorities].map((all) => all.join('')) as [
    string,
    string,
    string,
  ];
  try {
    createSecureContext({ cert, key, ca: [ca, clientCa] });
  } catch (cause) {
    throw new CertificateError(`tls-cert ${files.cert}: cannot be used: ${(cause as Error).message}`, { cause });
  }
  const validFromMs = Math.max(...chain.map(({ validFrom }) => Date.parse(validFrom)));
  const validToMs = Math.min(...chain.map(({ validTo }) => Date.parse(validTo)));
  return { own, leaf, cert, key, ca, clientCa, authorities, clientAuthorities, validFromMs, validToMs };
}

/**
 * Whether the chain, leaf first, leads to one of these authorities: each certificate is signed by the next one, or by an authority. For telling
 * authorities apart where several are taken: that a chain is valid at all is for OpenSSL to say.
 */
export function isOf(authorities: readonly X509Certificate[], chain: readonly X509Certificate[]): boolean {
  for (const [at, each] of chain.entries()) {
    if (authorities.some((authority) => authority.raw.equals(each.raw) || isSigned(each, authority))) return true;
    const issuer = chain[at + 1];
    if (issuer === undefined || !isSigned(each, issuer)) return false;
  }
  return false;
}

function isSigned(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

/** What is in a file of PEM that `flag` names. Throws CertificateError. */
export function readPemFile(flag: string, path: string): string {
  try {
    const stat = statSync(path);
    if (!stat.isFile()) throw new Error('it is no file');
    if (stat.size > FILE_BYTES_MAX) throw new Error(`it has ${stat.size} bytes, more than ${FILE_BYTES_MAX}`);
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new CertificateError(`${flag} ${path}: cannot be read: ${(cause as Error).message}; expected a PEM file`, {
      cause,
    });
  }
}

function certificatesIn(flag: string, path: string): X509Certificate[] {
  const found = readPemFile(flag, path).match(PEM_CERTIFICATE) ?? [];
  if (found.length === 0) {
    throw new CertificateError(`${flag} ${path}: no certificate is in it: expected PEM (-----BEGIN CERTIFICATE-----)`);
  }
  return found.map((pem, at) => {
    try {
      return new X509Certificate(pem);
    } catch (cause) {
      const why = (cause as Error).message;
      throw new CertificateError(`${flag} ${path}: its certificate ${at + 1} cannot be read: ${why}`, { cause });
    }
  });
}

function authoritiesIn(flag: string, path: string, nowMs: number): X509Certificate[] {
  const found = certificatesIn(flag, path);
  const other = found.find(({ ca }) => !ca);
  if (other !== undefined) {
    throw new CertificateError(
      `${flag} ${path}: ${oneLine(other.subject)} is no authority: expected certificates of authorities (basic constraints CA:TRUE)`,
    );
  }
  // Of several, one may take the place of another.
  const current = found.find(({ validFrom, validTo }) => Date.parse(validFrom) <= nowMs && nowMs < Date.parse(validTo));
  if (current === undefined) checkDates(flag, path, found[0]!, nowMs);
  return found;
}

function keyIn(path: string, text: string): KeyObject {
  try {
    return createPrivateKey(text);
  } catch (cause) {
    const isEncrypted = text.includes('ENCRYPTED');
    const what = isEncrypted ? 'it is encrypted' : 'no private key can be read in it';
    const message = `tls-key ${path}: ${what}: expected an unencrypted key as PEM (-----BEGIN PRIVATE KEY-----)`;
    throw new CertificateError(message, { cause });
  }
}

function checkDates(flag: string, path: string, { subject, validFrom, validTo }: X509Certificate, nowMs: number): void {
  const which = `${flag} ${path}: the certificate of ${oneLine(subject)}`;
  if (nowMs >= Date.parse(validTo)) {
    throw new CertificateError(`${which} has expired (${iso(validTo)}): expected one that is valid now`);
  }
  if (nowMs < Date.parse(validFrom)) {
    throw new CertificateError(
      `${which} is not valid yet (from ${iso(validFrom)} on): expected one that is valid now, by this machine's clock`,
    );
  }
}

function ownHolder(path: string, leaf: X509Certificate, id: number): Holder {
  const holder = holderOf(leaf);
  const wrong = (what: string) => new CertificateError(`tls-cert ${path}: it ${what}`);
  if (typeof holder === 'string') throw wrong(holder);
  if (id === 0) {
    if (holder.role !== 'server') return holder;
    throw wrong(`is of ${describeHolder(holder)}: expected a client's or an operator's`);
  }
  if (holder.role === 'server' && holder.id === id) return holder;
  const uri = holderUri({ role: 'server', cluster: 'CLUSTER', id });
  if (holder.cluster === undefined) throw wrong(`names no server: expected the URI ${uri} among its alternative names`);
  throw wrong(`is of ${describeHolder(holder)}: expected server ${id} (${uri})`);
}

/** A server takes links and dials them. */
function checkUsage(path: string, leaf: X509Certificate): void {
  // Node.js calls the extended key usages so.
  const usages = leaf.keyUsage as readonly string[] | undefined;
  if (usages === undefined || SERVER_USAGES.every((usage) => usages.includes(usage))) return;
  throw new CertificateError(`tls-cert ${path}: expected both extended key usages, serverAuth and clientAuth`);
}

const oneLine = (name: string) => name.replaceAll('\n', ', ');
const iso = (date: string) => new Date(date).toISOString();
