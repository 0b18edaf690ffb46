import { type CertifiedServer, type Issued, keepCertificates } from '../../certificates/clusterCertificates.ts';
import { parseAddress } from '../../net/endpoints/addresses.ts';
import type { ClusterPlan, ServerPlan } from '../clusterPlan.ts';

/** Makes and renews what the plan's certificates lack, where they are made here. Resolves with what was made. Throws as `keepCertificates`. */
export async function keepPlanCertificates({ name, tls, servers }: ClusterPlan): Promise<readonly Issued[]> {
  if (tls?.kind !== 'made') return [];
  return keepCertificates(tls.folder, { name, servers: servers.map(certified) }, Date.now());
}

function certified({ id, address, listen }: ServerPlan): CertifiedServer {
  return { id, hosts: [address, listen ?? address].flatMap((text) => parseAddress(text)?.host ?? []) };
}
