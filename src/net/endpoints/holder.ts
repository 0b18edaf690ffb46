import type { X509Certificate } from 'node:crypto';

/** What a certificate says its holder is (docs/security.md). */
export type Holder = ServerHolder | ClientHolder;

export interface ServerHolder {
  readonly role: 'server';
  readonly cluster: string;
  readonly id: number;
}

export interface ClientHolder {
  readonly role: 'client' | 'operator';
  /** Undefined of a certificate that names none: it is a client of any. */
  readonly cluster: string | undefined;
  readonly name: string;
}

/** Extended key usages (RFC 5280, 4.2.1.12). A server dials its peers as a client does. */
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const SERVER_USAGES: readonly string[] = ['1.3.6.1.5.5.7.3.1', CLIENT_AUTH];
export const CLIENT_USAGES: readonly string[] = [CLIENT_AUTH];

const FORMS = 'rkv://CLUSTER/server/ID, rkv://CLUSTER/client/NAME or rkv://CLUSTER/operator/NAME';
const URI = /^rkv:\/\/([A-Za-z0-9._-]{1,64})\/(?:server\/([1-9]\d{0,8})|(client|operator)\/([A-Za-z0-9._-]{1,64}))$/;

/** The URI by which a certificate names its holder. */
export function holderUri(holder: Holder & { readonly cluster: string }): string {
  return `rkv://${holder.cluster}/${holder.role}/${holder.role === 'server' ? holder.id : holder.name}`;
}

/**
 * Who holds a certificate; a text that says what is wrong with it where that cannot be told. Whether it is genuine is another question.
 */
export function holderOf(certificate: X509Certificate): Holder | string {
  const uris = urisOf(certificate.subjectAltName ?? '').filter((uri) => /^rkv:/i.test(uri));
  if (uris.length > 1) return `names ${uris.length} rkv URIs (${uris.join(', ')}): expected one`;
  const [uri] = uris;
  if (uri === undefined) return { role: 'client', cluster: undefined, name: commonName(certificate) };
  const parts = URI.exec(uri);
  if (parts === null) return `names ${uri}: expected ${FORMS}`;
  const [, cluster, id, role, name] = parts;
  if (id !== undefined) return { role: 'server', cluster: cluster!, id: Number(id) };
  return { role: role as ClientHolder['role'], cluster: cluster!, name: name! };
}

export function describeHolder(holder: Holder): string {
  const of = holder.cluster === undefined ? '' : ` of cluster ${holder.cluster}`;
  return holder.role === 'server' ? `server ${holder.id}${of}` : `${holder.role} ${holder.name}${of}`;
}

/** Node.js puts names into quotes, as JSON, where they could be taken for several. */
function urisOf(names: string): string[] {
  return [...names.matchAll(/(?:^|, )([^:,"]+):("(?:[^"\\]|\\.)*"|[^,]*)/g)].flatMap(([, kind, value]) => {
    if (kind !== 'URI') return [];
    return [value!.startsWith('"') ? (JSON.parse(value!) as string) : value!];
  });
}

function commonName({ subject }: X509Certificate): string {
  return /^CN=(.*)$/m.exec(subject ?? '')?.[1] ?? 'without a name';
}
