import { join, resolve } from 'node:path';
import { holderFiles, revocationFile } from '../../certificates/clusterCertificates.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import type { ClusterConfig } from '../config/schema.ts';

/** Certificates that the cluster file names: somebody else makes and renews them. Paths are absolute. */
interface GivenCertificates {
  readonly kind: 'given';
  /** Of servers, with {id} for each one's. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** The authority of clients and operators, where that is another one. */
  readonly clientCa: string | undefined;
  /** What was revoked. */
  readonly crl: string | undefined;
  /** Of an operator: the supervisor. */
  readonly operator: CredentialFiles;
}

/** Where the certificates of a cluster that speaks TLS are: made here, below its folder, or given. */
export type TlsPlan = { readonly kind: 'made'; readonly folder: string } | GivenCertificates;

/** For certificates and keys alone. */
export function certificatesFolder(clusterDirectory: string): string {
  return join(clusterDirectory, 'tls');
}

/** Undefined where nobody has to prove who he is. Paths count from the working directory, as a datadir does. */
export function planTls({ tls }: ClusterConfig, clusterDirectory: string): TlsPlan | undefined {
  if (tls === undefined || tls === false) return undefined;
  if (tls === true) return { kind: 'made', folder: certificatesFolder(clusterDirectory) };
  const [cert, key, ca] = [tls.cert, tls.key, tls.ca].map((path) => resolve(path)) as [string, string, string];
  return {
    kind: 'given',
    cert,
    key,
    ca,
    clientCa: tls.clientCa === undefined ? undefined : resolve(tls.clientCa),
    crl: tls.crl === undefined ? undefined : resolve(tls.crl),
    operator: { cert: resolve(tls.operatorCert), key: resolve(tls.operatorKey), ca, clientCa: undefined },
  };
}

/** The files by which the supervisor, and who does what it does, proves to servers who it is. */
export function operatorFiles(tls: TlsPlan): CredentialFiles {
  return tls.kind === 'given' ? tls.operator : holderFiles(tls.folder, { kind: 'operator' });
}

/** Those of a server's flags that say where its certificate is. */
export function tlsFlags(tls: TlsPlan, id: number): string[] {
  const { cert, key, ca, clientCa, crl } = serverFiles(tls, id);
  const clients = clientCa === undefined ? [] : [`-client-ca=${clientCa}`];
  const revoked = crl === undefined ? [] : [`-tls-crl=${crl}`];
  return [`-tls-cert=${cert}`, `-tls-key=${key}`, `-tls-ca=${ca}`, ...clients, ...revoked];
}

function serverFiles(tls: TlsPlan, id: number): CredentialFiles {
  if (tls.kind === 'made')
    return { ...holderFiles(tls.folder, { kind: 'server', id }), crl: revocationFile(tls.folder) };
  const { ca, clientCa, crl } = tls;
  const of = (path: string) => path.replaceAll('{id}', String(id));
  return { cert: of(tls.cert), key: of(tls.key), ca, clientCa, crl };
}
