import type { EngineKind, Envelope, NodeId, Refusal } from '../../consensus/contract.ts';
import type { GorumsMessage } from '../../consensus/gorums/messages.ts';
import type { Address } from '../../wire/addresses.ts';
import type { Connection } from '../admission/connection.ts';
import type { Misfit } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { GorumsUnaryClient, GorumsUnaryServer } from './gorumsUnary.ts';
import { PeerAcceptor } from './peerAcceptor.ts';
import { PeerLink } from './peerLink.ts';

/** How long a peer that does not know our stream is called by unary calls before the stream is tried again. */
const STREAM_RETRY_MS = 30_000;

export interface TransportOptions<M> {
  readonly self: NodeId;
  readonly servers: readonly Address[];
  readonly kind: EngineKind<M>;
  readonly identity: IdentityFile;
  /** The gorums engine's calls travel on ordered streams; otherwise as unary calls. */
  readonly ordered: boolean;
  readonly maxMessageBytes: number;
  readonly log: LimitedLog;
  /** Says why a message was left out; its caller, or the stream that it came on, is told. */
  readonly receive: (from: NodeId, message: M) => Refusal | undefined;
  /** The connection of the stream that is being accepted. */
  readonly connection: () => Connection | undefined;
  /** A peer has nothing against this server. */
  readonly accepted: (peer: NodeId) => void;
  /** A peer takes this server for one that must not take part. */
  readonly refused: (peer: NodeId, misfit: Misfit, details: string) => void;
}

const SHUT_OUT: Refusal = { reason: 'a server of this id is being admitted again', malformed: false };

/** Messages to and from the other servers. Every engine's travel on ordered streams; gorums also answers and makes unary calls. */
export class PeerTransport<M> {
  private readonly options: TransportOptions<M>;
  private readonly links = new Map<NodeId, PeerLink<M>>();
  private readonly unaryClients = new Map<NodeId, GorumsUnaryClient>();
  readonly acceptor: PeerAcceptor<M>;
  /** Of the gorums engine only. */
  readonly unaryServer: GorumsUnaryServer | undefined;
  private readonly receive: (from: NodeId, message: GorumsMessage) => Refusal | undefined;

  constructor(options: TransportOptions<M>) {
    this.options = options;
    const { self, servers, kind, identity, log, connection } = options;
    // On whatever way a message came, streams and unary calls and the answers to these.
    const receive = (from: NodeId, message: M) =>
      this.acceptor.isDeafTo(from) ? SHUT_OUT : options.receive(from, message);
    this.receive = receive as never;
    const serverCount = servers.length;
    const { codec } = kind;
    this.acceptor = new PeerAcceptor({ self, serverCount, identity, codec, log, connection, receive });
    if (kind.name === 'gorums') this.unaryServer = new GorumsUnaryServer({ self, serverCount }, this.receive);
  }

  send(envelopes: readonly Envelope<M>[]): void {
    if (envelopes.length === 1) {
      this.sendTo(envelopes[0]!.to, [envelopes[0]!.message]);
      return;
    }
    const byPeer = new Map<NodeId, M[]>();
    for (const { to, message } of envelopes) {
      const messages = byPeer.get(to);
      if (messages === undefined) byPeer.set(to, [message]);
      else messages.push(message);
    }
    for (const [to, messages] of byPeer) this.sendTo(to, messages);
  }

  /** The servers reached by unary calls: none of these tells a server to take over, so TimeoutNow does not travel there. */
  get unaryPeers(): NodeId[] {
    const { ordered, self, servers } = this.options;
    if (this.unaryServer === undefined) return [];
    if (ordered) return [...this.unaryClients.keys()];
    return servers.map((_address, i) => i + 1).filter((id) => id !== self);
  }

  private sendTo(to: NodeId, messages: readonly M[]): void {
    const { unaryServer } = this;
    const rest =
      unaryServer === undefined
        ? messages
        : messages.filter((message) => !unaryServer.answer(message as unknown as GorumsMessage));
    if (rest.length === 0 || to === this.options.self) return;
    const unary = this.unaryClient(to);
    if (unary === undefined) this.link(to)?.send(rest);
    else for (const message of rest) unary.send(message as unknown as GorumsMessage);
  }

  private unaryClient(to: NodeId): GorumsUnaryClient | undefined {
    const { ordered, servers, maxMessageBytes } = this.options;
    const existing = this.unaryClients.get(to);
    const address = servers[to - 1];
    if (existing !== undefined || ordered || this.unaryServer === undefined || address === undefined) return existing;
    return this.useUnary(to, address, maxMessageBytes);
  }

  private useUnary(to: NodeId, address: Address, maxMessageBytes: number): GorumsUnaryClient {
    const { identity, log, accepted, refused } = this.options;
    const client = new GorumsUnaryClient({
      peer: to,
      address,
      maxMessageBytes,
      identity,
      log,
      receive: this.receive,
      accepted,
      refused,
    });
    this.unaryClients.set(to, client);
    return client;
  }

  /** What answered there may have been another program for a while, or the server may have been replaced by one of ours. */
  private tryStreamAgain(to: NodeId): void {
    this.unaryClients.get(to)?.close();
    this.unaryClients.delete(to);
  }

  private link(to: NodeId): PeerLink<M> | undefined {
    const existing = this.links.get(to);
    if (existing !== undefined) return existing;
    const { self, servers, kind, identity, maxMessageBytes, log, accepted, refused } = this.options;
    const address = servers[to - 1];
    if (address === undefined) return undefined;
    const unimplemented = () => {
      if (this.unaryServer === undefined || this.unaryClients.has(to)) return;
      this.useUnary(to, address, maxMessageBytes);
      setTimeout(() => this.tryStreamAgain(to), STREAM_RETRY_MS).unref();
    };
    const { codec } = kind;
    const link = new PeerLink<M>({
      self,
      peer: to,
      address,
      identity,
      codec,
      maxMessageBytes,
      log,
      accepted,
      refused,
      unimplemented,
    });
    this.links.set(to, link);
    return link;
  }

  close(): void {
    for (const link of this.links.values()) link.close();
    for (const client of this.unaryClients.values()) client.close();
  }
}
