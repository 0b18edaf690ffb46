import { createPrivateKey, type X509Certificate } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { keepFolderPrivate } from '../files/privateFile.ts';
import { filesIn } from '../net/endpoints/credentialFlags.ts';
import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import { CLIENT_USAGES, SERVER_USAGES } from '../net/endpoints/holder.ts';
import { readCertificate, readKey, readPem, writePem } from './certificateFiles.ts';
import { certifiedName, certifiedUri, type Holder, type HostName, holderName, hostNames } from './holders.ts';
import { type AuthorityPems, issueAuthority, issueCertificate, newKey, validFor } from './issue.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * How long what is made here holds. The authority outlives a laboratory. A holder's certificate lasts for a year: its files may have been
 * copied to where nobody renews them, and what is lost with them should end some day by itself.
 */
export const AUTHORITY_LASTS_MS = 10 * 365 * DAY_MS;
export const CERTIFICATE_LASTS_MS = 365 * DAY_MS;

/** What is left of a certificate's time when another one takes its place, as a share. */
const LEFT_SHARE_MIN = 1 / 3;

/** What was made now, and why. */
export interface Issued {
  /** `authority`, or as the holder's folder is called. */
  readonly name: string;
  readonly why: 'missing' | 'ends-soon' | 'does-not-fit';
}

/** The key of a cluster's authority is gone, so that nothing can be signed for the cluster any more. */
export class AuthorityKeyError extends Error {
  override readonly name = 'AuthorityKeyError';
}

export interface CertifiedServer {
  readonly id: number;
  /** Where it is dialled, beside the names of this machine. */
  readonly hosts: readonly string[];
}

/** Who is to have a certificate: the servers, an operator and a client. */
export interface CertifiedCluster {
  readonly name: string;
  readonly servers: readonly CertifiedServer[];
}

/** Where the files of a holder are, below the folder of a cluster's certificates. */
export function holderFiles(folder: string, holder: Holder): CredentialFiles {
  return filesIn(holderFolder(folder, holder));
}

export function holderFolder(folder: string, holder: Holder): string {
  return join(folder, holderName(holder));
}

/** Its key is for those alone who may make certificates. */
export function authorityFolder(folder: string): string {
  return join(folder, 'authority');
}

/**
 * Sees to it that `folder` has an authority and a certificate of each holder that fit, hold and go on to hold for a while. What does is
 * kept as it is, so this may be called at any time, also while servers use the files: a new certificate is for the key that is there,
 * and each file is replaced as a whole. Resolves with what was made. Throws AuthorityKeyError, UnusableFileError or the file system's error.
 */
export async function keepCertificates(folder: string, cluster: CertifiedCluster, nowMs: number): Promise<Issued[]> {
  keepFolderPrivate(folder);
  const name = certifiedName(cluster.name);
  const issued: Issued[] = [];
  const authority = await keepAuthority(authorityFolder(folder), name, nowMs, issued);
  const holders: { readonly holder: Holder; readonly hosts: readonly HostName[] }[] = [
    ...cluster.servers.map(({ id, hosts }) => ({ holder: { kind: 'server' as const, id }, hosts: hostNames(hosts) })),
    { holder: { kind: 'operator' }, hosts: [] },
    { holder: { kind: 'client' }, hosts: [] },
  ];
  // Before anybody has a certificate that only a new one knows.
  for (const { holder } of holders) keepAuthorityOf(holderFolder(folder, holder), authority.cert);
  for (const { holder, hosts } of holders) {
    await keepHolder(holderFolder(folder, holder), { holder, cluster: name, hosts }, authority, nowMs, issued);
  }
  return issued;
}

async function keepAuthority(folder: string, name: string, nowMs: number, issued: Issued[]): Promise<AuthorityPems> {
  const { cert: certPath, key: keyPath } = filesIn(folder);
  const [certificate, key] = [readCertificate(certPath), readKey(keyPath)];
  if (key === undefined && [certPath, keyPath].some((path) => lstatSync(path, { throwIfNoEntry: false }) !== undefined))
    throw new AuthorityKeyError(
      `${keyPath} is missing or no key that was made here: expected the key of ${certPath}. Put it back, or stop the cluster and remove ${join(folder, '..')}, for a new authority and new certificates`,
    );
  const why = objection(certificate, nowMs, (held) => held.ca && isOfKey(held, key!) && held.verify(held.publicKey));
  if (why === undefined) return { cert: readPem(certPath)!, key: key! };
  const its = key ?? newKey();
  // The key first: there is no certificate without it then.
  if (key === undefined) writePem(folder, keyPath, its);
  const cert = await issueAuthority(`rkv authority of ${name}`, its, validFor(nowMs, AUTHORITY_LASTS_MS));
  writePem(folder, certPath, cert);
  issued.push({ name: 'authority', why });
  return { cert, key: its };
}

function keepAuthorityOf(folder: string, cert: string): void {
  const { ca } = filesIn(folder);
  if (readPem(ca) !== cert) writePem(folder, ca, cert);
}

async function keepHolder(
  folder: string,
  is: { readonly holder: Holder; readonly cluster: string; readonly hosts: readonly HostName[] },
  authority: AuthorityPems,
  nowMs: number,
  issued: Issued[],
): Promise<void> {
  const { cert: certPath, key: keyPath } = filesIn(folder);
  const key = readKey(keyPath);
  const uri = certifiedUri(is.cluster, is.holder);
  const root = readCertificate(filesIn(folder).ca)!;
  const fits = (held: X509Certificate) =>
    key !== undefined &&
    isOfKey(held, key) &&
    held.checkIssued(root) &&
    held.verify(root.publicKey) &&
    (held.subjectAltName ?? '').split(', ').includes(`URI:${uri}`) &&
    is.hosts.every(({ type, value }) => (type === 'ip' ? held.checkIP(value) : held.checkHost(value)) !== undefined);
  const why = objection(readCertificate(certPath), nowMs, fits);
  if (why === undefined) return;
  const its = key ?? newKey();
  if (key === undefined) writePem(folder, keyPath, its);
  const name = holderName(is.holder);
  const usages = is.holder.kind === 'server' ? SERVER_USAGES : CLIENT_USAGES;
  const subject = { commonName: name, uris: [uri], hosts: is.hosts, usages };
  const lastsMs = Math.min(CERTIFICATE_LASTS_MS, Date.parse(root.validTo) - nowMs);
  writePem(folder, certPath, await issueCertificate(authority, subject, its, validFor(nowMs, lastsMs)));
  issued.push({ name, why });
}

function isOfKey(certificate: X509Certificate, key: string): boolean {
  return certificate.checkPrivateKey(createPrivateKey(key));
}

/** Why a certificate is to be made; undefined where the one that is there does. */
function objection(
  held: X509Certificate | undefined,
  nowMs: number,
  fits: (held: X509Certificate) => boolean,
): Issued['why'] | undefined {
  if (held === undefined) return 'missing';
  if (!fits(held)) return 'does-not-fit';
  const [fromMs, untilMs] = [Date.parse(held.validFrom), Date.parse(held.validTo)];
  const isEarly = fromMs > nowMs;
  return isEarly || untilMs - nowMs < (untilMs - fromMs) * LEFT_SHARE_MIN ? 'ends-soon' : undefined;
}
