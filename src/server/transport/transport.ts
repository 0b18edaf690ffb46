import type { EngineKind, Envelope, NodeId, Refusal } from '../../consensus/contract.ts';
import type { UnaryCalls } from '../../consensus/unaryCalls.ts';
import type { Address } from '../../net/endpoints/addresses.ts';
import type { Security } from '../../net/endpoints/security.ts';
import type { Fences } from '../../wire/fence.ts';
import { MESSAGE_BYTES_MAX } from '../../wire/peerFrames.ts';
import { clusterVersion, type VersionRange } from '../../wire/peerVersions.ts';
import { Patience } from '../identity/asking.ts';
import type { Hearsay } from '../identity/hearsay.ts';
import { introductionOf, type Misfit } from '../identity/identity.ts';
import type { IdentityFile } from '../identity/identityFile.ts';
import type { LimitedLog } from '../observe/logLimiter.ts';
import { askPatiently, Introducer } from './introductions.ts';
import { Originals } from './originals.ts';
import type { Outgoing } from './outgoing.ts';
import { PeerAcceptor } from './peerAcceptor.ts';
import { type LinkFacts, PeerLink } from './peerLink.ts';
import { ASK_AGAIN_MS, type UnaryServer } from './unaryCalls.ts';
import { UnaryPeers } from './unaryPeers.ts';

/** How long a peer that does not know our links is called by unary calls before a link is tried again. */
const LINK_RETRY_MS = 30_000;

export interface TransportOptions<M> {
  readonly self: NodeId;
  /** Of the peers' protocol, what is spoken here. */
  readonly speaks: VersionRange;
  readonly servers: readonly Address[];
  readonly security: Security;
  readonly kind: EngineKind<M>;
  readonly identity: IdentityFile;
  readonly hearsay: Hearsay;
  /** Of an engine that has them. */
  readonly unaryCalls: UnaryCalls<M> | undefined;
  /** Its messages travel on links all the same, but to peers that know none. */
  readonly ordered: boolean;
  /** Of a unary call; links have a bound of their own. */
  readonly maxMessageBytes: number;
  readonly log: LimitedLog;
  /** Those in force here (src/server/identity/admission.ts). */
  readonly fences: () => Fences;
  /**
   * Says why a message was left out; its caller, or the link that it came on, is told. `counts`: for whoever keeps it for a while, whether
   * it is still to be heard. `bytes`: what the message took, on a link.
   */
  readonly receive: (from: NodeId, message: M, counts: () => boolean, bytes?: number) => Refusal | undefined;
  /** Why who made a call does not speak as this server. */
  readonly impersonation: (call: object, id: NodeId) => string | undefined;
  /** A peer has nothing against this server. */
  readonly accepted: (peer: NodeId) => void;
  /** A peer is out of reach, or another process answers there by now. */
  readonly gone: (peer: NodeId) => void;
  /** A peer takes this server for one that must not take part. */
  readonly refused: (peer: NodeId, misfit: Misfit, details: string) => void;
}

const SHUT_OUT: Refusal = { reason: 'a server of this id is being admitted again', malformed: false };

/** Messages to and from the other servers. Every engine's travel on links; one that has unary calls also answers and makes these. */
export class PeerTransport<M> {
  private readonly options: TransportOptions<M>;
  private readonly links = new Map<NodeId, PeerLink<M>>();
  /** Who is asked who it is, or was a moment ago. */
  private readonly asking = new Map<NodeId, Introducer>();
  private readonly patience = new Patience();
  private isClosed = false;
  readonly acceptor: PeerAcceptor<M>;
  private readonly unary: UnaryPeers<M> | undefined;
  readonly originals: Originals;
  private readonly watch: NodeJS.Timeout;

  constructor(options: TransportOptions<M>) {
    this.options = options;
    const { self, speaks, servers, kind, identity, hearsay, unaryCalls, ordered, log, fences, accepted, refused } =
      options;
    this.originals = new Originals(log);
    this.watch = setInterval(() => this.lookForReplacements(), LINK_RETRY_MS);
    this.watch.unref();
    // On whatever way a message came, links and unary calls and the answers to these.
    const receive = (from: NodeId, message: M, counts: () => boolean, bytes?: number) =>
      this.acceptor.isDeafTo(from) ? SHUT_OUT : options.receive(from, message, counts, bytes);
    const serverCount = servers.length;
    const { codec } = kind;
    this.acceptor = new PeerAcceptor({
      self,
      serverCount,
      speaks,
      identity,
      hearsay,
      codec,
      log,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      fences,
      receive,
    });
    if (unaryCalls === undefined) return;
    this.unary = new UnaryPeers({
      calls: unaryCalls,
      self,
      servers,
      security: options.security,
      impersonation: options.impersonation,
      always: !ordered,
      maxMessageBytes: options.maxMessageBytes,
      identity,
      log,
      receive: (from, message) => {
        this.noteCaller(from);
        return receive(from, message, () => !this.acceptor.isDeafTo(from));
      },
      // Whoever is not heard is asked again who it is: it may have been admitted since.
      counts: (claim) => this.acceptor.counts(claim) && !this.acceptor.isDeafTo(claim.id),
      accepted: (peer, claim) => {
        this.acceptor.met(claim);
        this.originals.replaced(peer);
        accepted(peer);
      },
      refused,
      originals: this.originals,
    });
  }

  /** Of an engine that has unary calls. */
  get unaryServer(): UnaryServer<M> | undefined {
    return this.unary?.server;
  }

  /** What is said to several is encoded once. */
  send(envelopes: readonly Envelope<M>[]): void {
    if (envelopes.length === 1) {
      this.sendTo(envelopes[0]!.to, [envelopes[0]!.message]);
      return;
    }
    const encoded = new Map<M, Outgoing>();
    const byPeer = new Map<NodeId, M[]>();
    for (const { to, message } of envelopes) {
      const messages = byPeer.get(to);
      if (messages === undefined) byPeer.set(to, [message]);
      else messages.push(message);
    }
    for (const [to, messages] of byPeer) this.sendTo(to, messages, encoded);
  }

  /** The servers reached by unary calls: none of these tells a server to take over, so TimeoutNow does not travel there. */
  get unaryPeers(): readonly NodeId[] {
    return this.unary?.called ?? [];
  }

  /** The links that this server dials, by their peers' ids. */
  get linkFacts(): readonly LinkFacts[] {
    return [...this.links.values()].map(({ facts }) => facts).sort((one, other) => one.peer - other.peer);
  }

  /**
   * The newest version of the peers' protocol that all of `members` speak, as far as is known here (docs/peers.md says what follows). A
   * hello is no source for it: it was said by whoever dialled. Nor is what was said on a link by one that is called, or is one of the
   * original's, by now.
   */
  versionOf(members: Iterable<NodeId>): number | undefined {
    const { self, speaks } = this.options;
    const others = [...members].filter((id) => id !== self);
    return clusterVersion(
      speaks,
      others.map((id) => (this.isWithoutLink(id) ? undefined : this.links.get(id)?.facts.speaks)),
    );
  }

  private isWithoutLink(id: NodeId): boolean {
    return this.unary?.hasClient(id) === true || this.originals.ids.includes(id);
  }

  private sendTo(to: NodeId, messages: readonly M[], encoded?: Map<M, Outgoing>): void {
    const { unary } = this;
    const rest = unary === undefined ? messages : messages.filter((message) => !unary.server.answer(message));
    if (rest.length === 0 || to === this.options.self) return;
    const client = unary?.clientOf(to);
    if (client === undefined) this.link(to)?.send(rest, encoded);
    else for (const message of rest) client.send(message);
  }

  /** Servers of ours have links, but for those that call on purpose: who else calls is asked who it is. One that only follows would not know. */
  private noteCaller(from: NodeId): void {
    const address = this.options.servers[from - 1];
    if (address === undefined || this.unary?.hasClient(from)) return;
    if (this.links.get(from)?.facts.version === undefined) void this.askWhoIsThere(from, address);
  }

  /** To whom nothing is said, as followers have nothing to say to each other, nothing shows that it is one of ours by now. */
  private lookForReplacements(): void {
    for (const id of this.originals.ids) {
      if (!this.unary?.hasClient(id)) void this.askWhoIsThere(id, this.options.servers[id - 1]!);
    }
  }

  /**
   * What listens there does not know our links. All of our versions know how to introduce themselves; what does not is one of the
   * original's servers, for a while: it may have been another program, or be replaced by one of ours.
   */
  private async askWhoIsThere(to: NodeId, address: Address): Promise<void> {
    if (this.asking.has(to)) return;
    const introducer = new Introducer(to, address, this.options.security);
    this.asking.set(to, introducer);
    const { kind } = await askPatiently(introducer, this.patience, introductionOf(this.options.identity.identity));
    introducer.close();
    if (this.isClosed) return;
    const isOriginal = kind === 'original' && this.unary !== undefined;
    if (isOriginal) {
      this.originals.met(to);
      if (this.options.ordered) this.unary?.call(to);
    } else if (kind === 'introduced') this.originals.replaced(to);
    setTimeout(() => this.tryLinkAgain(to), isOriginal ? LINK_RETRY_MS : ASK_AGAIN_MS).unref();
  }

  private tryLinkAgain(to: NodeId): void {
    this.asking.delete(to);
    if (this.options.ordered) this.unary?.leave(to);
  }

  private link(to: NodeId): PeerLink<M> | undefined {
    const existing = this.links.get(to);
    if (existing !== undefined) return existing;
    const { self, speaks, servers, security, kind, identity, log, gone, refused } = this.options;
    const address = servers[to - 1];
    if (address === undefined) return undefined;
    const accepted = (peer: NodeId) => {
      this.originals.replaced(peer);
      this.options.accepted(peer);
    };
    const notUnderstood = () => void this.askWhoIsThere(to, address);
    const { codec } = kind;
    const link = new PeerLink<M>({
      self,
      peer: to,
      speaks,
      address,
      security,
      identity,
      codec,
      maxMessageBytes: MESSAGE_BYTES_MAX,
      log,
      counts: (claim) => this.acceptor.counts(claim),
      accepted,
      gone,
      refused,
      notUnderstood,
    });
    this.links.set(to, link);
    return link;
  }

  close(): void {
    this.isClosed = true;
    clearInterval(this.watch);
    this.acceptor.close();
    for (const introducer of this.asking.values()) introducer.close();
    for (const link of this.links.values()) link.close();
    this.unary?.close();
  }
}
