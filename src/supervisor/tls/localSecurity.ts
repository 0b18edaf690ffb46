import { holderFiles, keepCertificates } from '../../certificates/clusterCertificates.ts';
import { clientSecurity } from '../../net/endpoints/clientSecurity.ts';
import type { CredentialFiles } from '../../net/endpoints/credentials.ts';
import type { Security } from '../../net/endpoints/security.ts';
import { certificatesFolder, type TlsPlan } from './tlsPlan.ts';

/** Makes certificates for servers of this machine that no supervisor keeps, below a folder of theirs. Throws as `keepCertificates`. */
export async function makeLocalCertificates(folder: string, name: string, ids: readonly number[]): Promise<TlsPlan> {
  const made = certificatesFolder(folder);
  await keepCertificates(made, { name, servers: ids.map((id) => ({ id, hosts: [] })) }, Date.now());
  return { kind: 'made', folder: made };
}

/** Of a client, of a cluster whose certificates were made in its folder: for whoever may read and write, and no more. */
export function localClientFiles(clusterDirectory: string): CredentialFiles {
  return holderFiles(certificatesFolder(clusterDirectory), { kind: 'client' });
}

/** How such a client reaches the cluster's servers; without TLS nobody shows anything. Throws CertificateError. */
export function localClientSecurity(clusterDirectory: string, isTls: boolean): Security {
  return clientSecurity(isTls ? localClientFiles(clusterDirectory) : undefined);
}
