import { isIP } from 'node:net';
import { holderUri } from '../net/endpoints/holder.ts';

/** Whom a cluster's authority speaks for. What each may do is the servers' to say (docs/security.md). */
export type Holder = { readonly kind: 'server'; readonly id: number } | { readonly kind: 'operator' | 'client' };

/** A name or an address by which a server is dialled. */
export interface HostName {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

/** By which any server of this machine may be dialled. */
const LOCAL_HOSTS = ['localhost', '127.0.0.1', '::1'];

/** The longest name of a cluster in a certificate, characters. */
const CLUSTER_NAME_LENGTH_MAX = 63;

/** A cluster's name as its certificates have it: what cannot stand there is a dash. */
export function certifiedName(cluster: string): string {
  return cluster.replaceAll(/[^A-Za-z0-9._-]/g, '-').slice(0, CLUSTER_NAME_LENGTH_MAX);
}

/** For people and for the folder of its files. */
export function holderName(holder: Holder): string {
  return holder.kind === 'server' ? `server-${holder.id}` : holder.kind;
}

/** What says, among the names of a certificate, who its holder is. `cluster` is a certified name. */
export function certifiedUri(cluster: string, holder: Holder): string {
  const { kind } = holder;
  return holderUri(
    kind === 'server' ? { role: kind, cluster, id: holder.id } : { role: kind, cluster, name: holderName(holder) },
  );
}

/** Those of a server that is reached at `hosts`, which may repeat each other and be written as in a URL. */
export function hostNames(hosts: readonly string[]): HostName[] {
  const plain = [...LOCAL_HOSTS, ...hosts].map((host) => host.toLowerCase().replace(/\.$/, ''));
  return [...new Set(plain)].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }));
}
