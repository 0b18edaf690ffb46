import { verify, type X509Certificate } from 'node:crypto';
import { CertificateError, readPemFile } from './credentials.ts';
import {
  MalformedDerError,
  type RevocationList,
  type RevokedEntry,
  readRevocationList,
  subjectOf,
} from './revocationList.ts';

/** Certificates that do not count any more, though they are signed and their time is not over. */
export interface Revocations {
  /** All that the lists name. */
  readonly entries: readonly RevokedEntry[];
  /** When the first of the lists was to be followed by a newer one, Unix ms. */
  readonly nextUpdateMs: number;
  /** Whether a certificate of the chain is one of them. */
  isRevoked(chain: readonly X509Certificate[]): boolean;
}

export const NO_REVOCATIONS: Revocations = {
  entries: [],
  nextUpdateMs: Number.POSITIVE_INFINITY,
  isRevoked: () => false,
};

const FLAG = 'tls-crl';
const PEM_LIST = /-----BEGIN X509 CRL-----([^-]+)-----END X509 CRL-----/g;
/** Extensions of a list that change nothing in what is taken from it (RFC 5280, 5.2): authority key identifier and number. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set(['2.5.29.35', '2.5.29.20']);

/** How a signature is looked at, and by which kind of key it is made. */
interface Algorithm {
  readonly key: 'ec' | 'rsa' | 'ed25519';
  /** Undefined where the algorithm has its own. */
  readonly hash: string | undefined;
}

/** By object identifiers: RFC 5758 (ECDSA), RFC 8017 (RSA), RFC 8410 (Ed25519). Nothing weaker than SHA-256. */
const ALGORITHMS: ReadonlyMap<string, Algorithm> = new Map<string, Algorithm>([
  ['1.2.840.10045.4.3.2', { key: 'ec', hash: 'sha256' }],
  ['1.2.840.10045.4.3.3', { key: 'ec', hash: 'sha384' }],
  ['1.2.840.10045.4.3.4', { key: 'ec', hash: 'sha512' }],
  ['1.2.840.113549.1.1.11', { key: 'rsa', hash: 'sha256' }],
  ['1.2.840.113549.1.1.12', { key: 'rsa', hash: 'sha384' }],
  ['1.2.840.113549.1.1.13', { key: 'rsa', hash: 'sha512' }],
  ['1.3.101.112', { key: 'ed25519', hash: undefined }],
]);

interface List {
  readonly authority: X509Certificate;
  readonly entries: readonly RevokedEntry[];
  readonly serials: ReadonlySet<string>;
  readonly nextUpdateMs: number;
}

/**
 * The lists of a file (PEM), each signed by one of these authorities. One whose time is over counts on: whom it names stays out, and nobody else
 * is kept out for it. Throws CertificateError.
 */
export function readRevocations(path: string, authorities: readonly X509Certificate[], nowMs: number): Revocations {
  const found = [...readPemFile(FLAG, path).matchAll(PEM_LIST)];
  if (found.length === 0) {
    throw new CertificateError(`${FLAG} ${path}: no list is in it: expected PEM (-----BEGIN X509 CRL-----)`);
  }
  const lists = found.map(([, text], at) =>
    readList(`${FLAG} ${path}: its list ${at + 1}`, Buffer.from(text!, 'base64'), authorities, nowMs),
  );
  return {
    entries: lists.flatMap(({ entries }) => entries),
    nextUpdateMs: Math.min(...lists.map(({ nextUpdateMs }) => nextUpdateMs)),
    isRevoked: (chain) =>
      chain.some((each) =>
        lists.some(({ authority, serials }) => serials.has(each.serialNumber) && each.checkIssued(authority)),
      ),
  };
}

function readList(which: string, der: Buffer, authorities: readonly X509Certificate[], nowMs: number): List {
  const list = parsed(which, der);
  const unknown = list.criticalExtensions.find((id) => !KNOWN_EXTENSIONS.has(id));
  if (unknown !== undefined) {
    throw new CertificateError(
      `${which} has the critical extension ${unknown}: expected a whole list of the authority's own certificates`,
    );
  }
  const algorithm = ALGORITHMS.get(list.algorithm);
  if (algorithm === undefined) {
    throw new CertificateError(
      `${which} is signed by the algorithm ${list.algorithm}: expected ECDSA or RSA (PKCS #1, version 1.5) with SHA-256 or better, or Ed25519`,
    );
  }
  const authority = authorities.find((each) => hasSigned(each, list, algorithm));
  if (authority === undefined) {
    throw new CertificateError(
      `${which} is not signed by an authority in tls-ca or client-ca: expected one of theirs, unchanged`,
    );
  }
  if (list.thisUpdateMs > nowMs) {
    const from = new Date(list.thisUpdateMs).toISOString();
    throw new CertificateError(`${which} is of ${from}: expected one of now or earlier, by this machine's clock`);
  }
  const { entries, nextUpdateMs } = list;
  return { authority, entries, serials: new Set(entries.map(({ serialNumber }) => serialNumber)), nextUpdateMs };
}

function parsed(which: string, der: Buffer): RevocationList {
  try {
    return readRevocationList(der);
  } catch (cause) {
    if (!(cause instanceof MalformedDerError)) throw cause;
    throw new CertificateError(`${which} cannot be read: ${cause.message}`, { cause });
  }
}

function hasSigned(authority: X509Certificate, list: RevocationList, { key, hash }: Algorithm): boolean {
  const { publicKey } = authority;
  if (!subjectOf(authority.raw).equals(list.issuer) || publicKey.asymmetricKeyType !== key) return false;
  return verify(hash, list.signed, publicKey, list.signature);
}
