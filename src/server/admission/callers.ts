import type { Party } from '../../net/endpoints/security.ts';

/** Whoever makes connections, as far as it can be told: all connections from one address by one certificate are one caller's. */
export interface Caller {
  /** Of the other end, without its port. */
  readonly address: string;
  /** By its certificate: client, operator or server. Without TLS, and before the certificate is shown, empty, or `peer` of a link. */
  readonly role: string;
  /** By its certificate: its name, or its id where it is a server. Of whoever made the certificate, so anything may stand in it. */
  readonly name: string;
}

/** What a caller, or several together, take of the server. */
export interface CallerFigures {
  readonly connections: number;
  /** Open session streams. */
  readonly sessions: number;
  /** Commands and lookups on these without an answer. */
  readonly pending: number;
  /** Of requests and answers, in connections. */
  readonly heldBytes: number;
  /** Connections, calls and requests that were refused, or ended for what they did, since the start. */
  readonly refusals: number;
}

/** The callers that take most, and what all others take together. */
export interface CallersReport {
  readonly callers: readonly (Caller & CallerFigures)[];
  readonly others: CallerFigures;
  readonly othersCount: number;
}

/** A connection that is open. */
export interface OpenConnection {
  readonly caller: Caller;
  heldBytes(): number;
}

/** A session stream on it. */
export interface OpenSession<C> {
  readonly connection: C | undefined;
  readonly unansweredCount: number;
}

/** Of a name in a certificate, which may be as long as it likes, characters. */
const NAME_LENGTH_MAX = 64;
/** Callers whose refusals are told apart: an attacker may have any number of addresses. */
export const REFUSED_CALLERS_MAX = 1024;

export function callerOf(address: string, party: Party, isPeer: boolean): Caller {
  if (party.kind !== 'holder') return { address, role: isPeer ? 'peer' : '', name: '' };
  const { holder } = party;
  const name = holder.role === 'server' ? String(holder.id) : holder.name.slice(0, NAME_LENGTH_MAX);
  return { address, role: holder.role, name };
}

/** As people write it: IPv4 within IPv6 as IPv4. Undefined of a socket that is closed already. */
export function addressOf({ remoteAddress }: { readonly remoteAddress?: string | undefined }): string {
  return (remoteAddress ?? 'unknown').replace(/^::ffff:(?=\d+\.)/, '');
}

/** For a log. */
export function callerFields({ address, role, name }: Caller): Readonly<Record<string, string>> {
  return role === '' ? { address } : { address, caller: `${role} ${name}`.trimEnd() };
}

interface Sum {
  connections: number;
  sessions: number;
  pending: number;
  heldBytes: number;
  refusals: number;
}

const FIGURES = ['connections', 'sessions', 'pending', 'heldBytes', 'refusals'] as const;
const nothing = (): Sum => ({ connections: 0, sessions: 0, pending: 0, heldBytes: 0, refusals: 0 });

function add(to: Sum, more: CallerFigures): void {
  for (const figure of FIGURES) to[figure] += more[figure];
}

function keyOf({ address, role, name }: Caller): string {
  return `${address} ${role} ${name}`;
}

/** Remembers who was refused, and says who takes what. What it keeps is bounded, and no refusal is left out of the sums. */
export class Callers {
  /** In the order of their last refusals. */
  private readonly refused = new Map<string, { readonly caller: Caller; count: number }>();
  private forgottenCount = 0;

  noteRefusal(caller: Caller): void {
    const key = keyOf(caller);
    const known = this.refused.get(key);
    if (known === undefined) this.makeRoom();
    else this.refused.delete(key);
    this.refused.set(key, { caller, count: (known?.count ?? 0) + 1 });
  }

  /** Whose last refusal is longest ago is one of the others from now on. */
  private makeRoom(): void {
    if (this.refused.size < REFUSED_CALLERS_MAX) return;
    const [key, { count }] = this.refused.entries().next().value!;
    this.refused.delete(key);
    this.forgottenCount += count;
  }

  /** `most`: how many are named. Those come first who take the largest parts of what all take. */
  report<C extends OpenConnection>(
    connections: Iterable<C>,
    sessions: Iterable<OpenSession<C>>,
    most: number,
  ): CallersReport {
    const sums = new Map<string, Caller & Sum>();
    const of = (caller: Caller) => {
      const key = keyOf(caller);
      const sum = sums.get(key) ?? { ...caller, ...nothing() };
      sums.set(key, sum);
      return sum;
    };
    for (const connection of connections) {
      const sum = of(connection.caller);
      sum.connections++;
      sum.heldBytes += connection.heldBytes();
    }
    for (const { connection, unansweredCount } of sessions) {
      if (connection === undefined) continue;
      const sum = of(connection.caller);
      sum.sessions++;
      sum.pending += unansweredCount;
    }
    for (const { caller, count } of this.refused.values()) of(caller).refusals += count;
    const all = nothing();
    for (const sum of sums.values()) add(all, sum);
    const part = (sum: Sum) =>
      FIGURES.reduce((parts, figure) => parts + (all[figure] === 0 ? 0 : sum[figure] / all[figure]), 0);
    const ranked = [...sums.values()].map((sum) => ({ sum, part: part(sum) })).sort((a, b) => b.part - a.part);
    const others = nothing();
    for (const { sum } of ranked.slice(most)) add(others, sum);
    others.refusals += this.forgottenCount;
    return {
      callers: ranked.slice(0, most).map(({ sum }) => sum),
      others,
      othersCount: Math.max(0, ranked.length - most),
    };
  }
}
