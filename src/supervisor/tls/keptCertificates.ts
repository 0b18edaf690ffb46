import {
  type CertifiedServer,
  type Issued,
  keepCertificates,
  revokeHolder,
} from '../../certificates/clusterCertificates.ts';
import { parseAddress } from '../../net/endpoints/addresses.ts';
import type { ClusterPlan, ServerPlan } from '../clusterPlan.ts';
import { ServerStateError } from '../serverStateError.ts';

/** Makes and renews what the plan's certificates lack, where they are made here. Resolves with what was made. Throws as `keepCertificates`. */
export async function keepPlanCertificates({ name, tls, servers }: ClusterPlan): Promise<readonly Issued[]> {
  if (tls?.kind !== 'made') return [];
  return keepCertificates(tls.folder, { name, servers: servers.map(certified) }, Date.now());
}

/**
 * Revokes the certificate of `holder`, such as `client` or `server-1`, and makes another one. Resolves with what was made. Throws as
 * `revokeHolder`, and ServerStateError where certificates are not made here.
 */
export async function revokePlanCertificate(
  { name, tls, servers }: ClusterPlan,
  holder: string,
): Promise<readonly Issued[]> {
  if (tls?.kind !== 'made')
    throw new ServerStateError(
      tls === undefined
        ? 'nobody has a certificate: the cluster runs without tls'
        : 'its certificates are not made here: whoever makes them revokes them, by a list (crl in tls)',
    );
  return revokeHolder(tls.folder, { name, servers: servers.map(certified) }, holder, Date.now());
}

function certified({ id, address, listen }: ServerPlan): CertifiedServer {
  return { id, hosts: [address, listen ?? address].flatMap((text) => parseAddress(text)?.host ?? []) };
}
