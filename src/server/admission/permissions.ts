import { status } from '@grpc/grpc-js';
import type { Holder } from '../../net/endpoints/holder.ts';
import type { Party } from '../../net/endpoints/security.ts';
import type { GrpcError } from '../../net/grpc/status.ts';

/** Of a method, as far as its callers go. */
export interface Callable {
  readonly path: string;
  readonly isForPeers?: boolean;
}

type Role = Holder['role'];

/** What every holder of a certificate may ask. */
const FOR_EVERYBODY = ['/grpc.health.', '/grpc.reflection.'];
/** Beside the reads and writes of `rkvpb.RKV`, what a client may ask; the rest is an operator's. */
const FOR_CLIENTS: ReadonlySet<string> = new Set(['/rkvadmin.Admin/Status', '/rkvadmin.Admin/MeasureStages']);
const OF_CLIENTS = '/rkvpb.RKV/';
const MEMBERSHIP: ReadonlySet<string> = new Set(['/rkvpb.RKV/Reconf', '/rkvpb.RKV/ReconfOnBecome']);

const ARTICLES: Readonly<Record<Role, string>> = { server: 'a server', client: 'a client', operator: 'an operator' };
const ROLES = Object.keys(ARTICLES) as Role[];

/** By who is needed and who asks; a refusal is one object, for it is encoded once. */
const REFUSALS: ReadonlyMap<string, GrpcError> = new Map(
  ROLES.flatMap((needed) =>
    ROLES.map((role) => {
      const details = `this takes ${ARTICLES[needed]}'s certificate, and the one shown is ${ARTICLES[role]}'s`;
      return [`${needed} ${role}`, { code: status.PERMISSION_DENIED, details }] as const;
    }),
  ),
);
const NO_CERTIFICATE: GrpcError = { code: status.UNAUTHENTICATED, details: 'no certificate was shown that counts' };

/** Why whoever is at the other end may not call a method; undefined where he may. Without TLS anybody may call anything. */
export function whyNot(party: Party, method: Callable): GrpcError | undefined {
  if (party.kind === 'anybody') return undefined;
  if (party.kind === 'stranger') return NO_CERTIFICATE;
  const { role } = party.holder;
  const { path } = method;
  if (method.isForPeers === true) return role === 'server' ? undefined : REFUSALS.get(`server ${role}`);
  if (FOR_EVERYBODY.some((prefix) => path.startsWith(prefix))) return undefined;
  const isClients = FOR_CLIENTS.has(path) || (path.startsWith(OF_CLIENTS) && !MEMBERSHIP.has(path));
  const needed = isClients ? 'client' : 'operator';
  return role === 'operator' || role === needed ? undefined : REFUSALS.get(`${needed} ${role}`);
}

/** Why whoever is at the other end does not speak as server `id`; undefined where he does. */
export function impersonation(party: Party, id: number): string | undefined {
  if (party.kind === 'anybody') return undefined;
  if (party.kind === 'stranger') return party.why;
  const { holder } = party;
  if (holder.role !== 'server')
    return `the certificate shown is ${ARTICLES[holder.role]}'s: expected that of server ${id}`;
  return holder.id === id
    ? undefined
    : `the certificate shown is of server ${holder.id}: it cannot speak as server ${id}`;
}
