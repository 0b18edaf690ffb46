import type { NodeId, Refusal } from '../../consensus/contract.ts';
import type { UnaryCalls } from '../../consensus/unaryCalls.ts';
import type { Address } from '../../net/endpoints/addresses.ts';
import { UnaryClient, type UnaryClientOptions, UnaryServer, type UnaryServerOptions } from './unaryCalls.ts';

export interface UnaryPeersOptions<M>
  extends Pick<
      UnaryClientOptions<M>,
      'security' | 'maxMessageBytes' | 'identity' | 'log' | 'counts' | 'accepted' | 'refused' | 'originals'
    >,
    Pick<UnaryServerOptions<M>, 'impersonation'> {
  readonly calls: UnaryCalls<M>;
  readonly self: NodeId;
  readonly servers: readonly Address[];
  /** All peers are called; otherwise those alone that `call` names. */
  readonly always: boolean;
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
}

/** The unary calls of an engine that has them: answers those of all peers, and makes them to some or to all. */
export class UnaryPeers<M> {
  readonly server: UnaryServer<M>;
  private readonly options: UnaryPeersOptions<M>;
  private readonly clients = new Map<NodeId, UnaryClient<M>>();

  constructor(options: UnaryPeersOptions<M>) {
    this.options = options;
    const { calls, self, servers, receive, impersonation } = options;
    this.server = new UnaryServer({ calls, self, serverCount: servers.length, receive, impersonation });
  }

  /** Those that are called, ascending where that is all of them. */
  get called(): readonly NodeId[] {
    const { always, self, servers } = this.options;
    if (!always) return [...this.clients.keys()];
    return servers.map((_address, i) => i + 1).filter((id) => id !== self);
  }

  hasClient(peer: NodeId): boolean {
    return this.clients.has(peer);
  }

  /** Where the messages to a peer go; undefined where it is not called. */
  clientOf(peer: NodeId): UnaryClient<M> | undefined {
    const existing = this.clients.get(peer);
    if (existing === undefined && this.options.always) this.call(peer);
    return this.clients.get(peer);
  }

  /** From here on the peer is called. */
  call(peer: NodeId): void {
    const { calls, servers, security, maxMessageBytes, identity, log, receive, counts, accepted, refused, originals } =
      this.options;
    const address = servers[peer - 1];
    if (address === undefined || this.clients.has(peer)) return;
    this.clients.set(
      peer,
      new UnaryClient({
        calls,
        peer,
        address,
        security,
        maxMessageBytes,
        identity,
        log,
        receive,
        counts,
        accepted,
        refused,
        originals,
      }),
    );
  }

  /** The peer is called no longer. */
  leave(peer: NodeId): void {
    this.clients.get(peer)?.close();
    this.clients.delete(peer);
  }

  close(): void {
    for (const client of this.clients.values()) client.close();
  }
}
