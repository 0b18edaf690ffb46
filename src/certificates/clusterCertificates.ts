import { createPrivateKey, X509Certificate } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import { keepFolderPrivate } from '../files/privateFile.ts';
import { filesIn } from '../net/endpoints/credentialFlags.ts';
import type { CredentialFiles } from '../net/endpoints/credentials.ts';
import { CLIENT_USAGES, SERVER_USAGES } from '../net/endpoints/holder.ts';
import type { RevokedEntry } from '../net/endpoints/revocationList.ts';
import { readRevocations } from '../net/endpoints/revocations.ts';
import { readCertificate, readKey, readPem, writePem } from './certificateFiles.ts';
import { certifiedName, certifiedUri, type Holder, type HostName, holderName, hostNames } from './holders.ts';
import {
  type AuthorityPems,
  issueAuthority,
  issueCertificate,
  issueRevocationList,
  newKey,
  validFor,
} from './issue.ts';

const DAY_MS = 24 * 60 * 60 * 1000;

/**
 * How long what is made here holds. The authority outlives a laboratory. A holder's certificate lasts for a year: its files may have been
 * copied to where nobody renews them, and what is lost with them should end some day by itself.
 */
export const AUTHORITY_LASTS_MS = 10 * 365 * DAY_MS;
export const CERTIFICATE_LASTS_MS = 365 * DAY_MS;

/** How long a list of what was revoked holds before it is made again: servers that have an older one are told so. */
const LIST_LASTS_MS = 30 * DAY_MS;

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

/** Nobody of that name has a certificate that could be revoked. */
export class UnknownHolderError extends Error {
  override readonly name = 'UnknownHolderError';
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

/** The list of what the authority has revoked. */
export function revocationFile(folder: string): string {
  return join(authorityFolder(folder), 'crl.pem');
}

/**
 * Sees to it that `folder` has an authority and a certificate of each holder that fit, hold and go on to hold for a while. What does is
 * kept as it is, so this may be called at any time, also while servers use the files: a new certificate is for the key that is there,
 * and each file is replaced as a whole. Resolves with what was made. Throws AuthorityKeyError, UnusableFileError,
 * CertificateError where the list of what was revoked is damaged, or the file system's error.
 */
export async function keepCertificates(folder: string, cluster: CertifiedCluster, nowMs: number): Promise<Issued[]> {
  keepFolderPrivate(folder);
  const name = certifiedName(cluster.name);
  const issued: Issued[] = [];
  const authority = await keepAuthority(authorityFolder(folder), name, nowMs, issued);
  const holders = holdersOf(cluster);
  const revoked = new Set((await keepList(folder, authority, nowMs)).map(({ serialNumber }) => serialNumber));
  // Before anybody has a certificate that only a new one knows.
  for (const { holder } of holders) keepAuthorityOf(holderFolder(folder, holder), authority.cert);
  for (const { holder, hosts } of holders) {
    const is = { holder, cluster: name, hosts };
    await keepHolder(holderFolder(folder, holder), is, authority, revoked, nowMs, issued);
  }
  return issued;
}

/** Everybody who gets a certificate, and where servers are dialled. */
function holdersOf({ servers }: CertifiedCluster): { readonly holder: Holder; readonly hosts: readonly HostName[] }[] {
  return [
    ...servers.map(({ id, hosts }) => ({ holder: { kind: 'server' as const, id }, hosts: hostNames(hosts) })),
    { holder: { kind: 'operator' }, hosts: [] },
    { holder: { kind: 'client' }, hosts: [] },
  ];
}

/**
 * Puts the certificate of the holder that is `named` so (`client`, `server-1`) into the list of those that do not count, and makes another
 * one for a new key, so that whoever has the old files is kept out. What a crash interrupts `keepCertificates` goes on with. Resolves and
 * throws as that, or throws UnknownHolderError.
 */
export async function revokeHolder(
  folder: string,
  cluster: CertifiedCluster,
  named: string,
  nowMs: number,
): Promise<Issued[]> {
  const holders = holdersOf(cluster).map(({ holder: each }) => each);
  const holder = holders.find((each) => holderName(each) === named);
  const held = holder && readCertificate(holderFiles(folder, holder).cert);
  if (held === undefined) {
    const names = holders.map(holderName).join(', ');
    throw new UnknownHolderError(`${named} has no certificate here: expected one of ${names}`);
  }
  const authority = await keepAuthority(authorityFolder(folder), certifiedName(cluster.name), nowMs, []);
  const entries = await keepList(folder, authority, nowMs);
  const { serialNumber } = held;
  if (!entries.some((each) => each.serialNumber === serialNumber))
    await writeList(folder, authority, [...entries, { serialNumber, atMs: nowMs }], nowMs);
  return keepCertificates(folder, cluster, nowMs);
}

/** Sees to it that there is a list that holds for a while. Resolves with what it names. */
async function keepList(folder: string, authority: AuthorityPems, nowMs: number): Promise<readonly RevokedEntry[]> {
  const path = revocationFile(folder);
  const isThere = lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  // Whatever the clock says: what was revoked stays so.
  const kept = isThere
    ? readRevocations(path, [new X509Certificate(authority.cert)], Number.POSITIVE_INFINITY)
    : undefined;
  const entries = kept?.entries ?? [];
  const leftMs = (kept?.nextUpdateMs ?? 0) - nowMs;
  const isCurrent = leftMs >= LIST_LASTS_MS * LEFT_SHARE_MIN && leftMs <= LIST_LASTS_MS;
  if (!isCurrent) await writeList(folder, authority, entries, nowMs);
  return entries;
}

async function writeList(
  folder: string,
  authority: AuthorityPems,
  entries: readonly RevokedEntry[],
  nowMs: number,
): Promise<void> {
  const list = await issueRevocationList(authority, entries, validFor(nowMs, LIST_LASTS_MS), nowMs);
  writePem(authorityFolder(folder), revocationFile(folder), list);
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
  revoked: ReadonlySet<string>,
  nowMs: number,
  issued: Issued[],
): Promise<void> {
  const { cert: certPath, key: keyPath } = filesIn(folder);
  const current = readCertificate(certPath);
  // Whoever has the key of a certificate that was revoked must not have that of the next one.
  const isRevoked = current !== undefined && revoked.has(current.serialNumber);
  const key = isRevoked ? undefined : readKey(keyPath);
  const uri = certifiedUri(is.cluster, is.holder);
  const root = readCertificate(filesIn(folder).ca)!;
  const fits = (held: X509Certificate) =>
    key !== undefined &&
    isOfKey(held, key) &&
    held.checkIssued(root) &&
    held.verify(root.publicKey) &&
    (held.subjectAltName ?? '').split(', ').includes(`URI:${uri}`) &&
    is.hosts.every(({ type, value }) => (type === 'ip' ? held.checkIP(value) : held.checkHost(value)) !== undefined);
  const why = objection(current, nowMs, fits);
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
